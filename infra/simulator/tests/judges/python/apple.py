"""aioapns, by certificate and by token, pointed at the simulated APNs."""
import asyncio, json, ssl, sys
from urllib.parse import urlparse
from aioapns import APNs, NotificationRequest, PushType
from aioapns import connection

work = sys.argv[1]
places = json.load(open(f"{work}/places.json"))
server = urlparse(places["apns"])
for protocol in (connection.APNsProductionClientProtocol, connection.APNsDevelopmentClientProtocol):
    protocol.APNS_SERVER, protocol.APNS_PORT = server.hostname, server.port

async def main():
    for how in ("certificate", "token"):
        trust = ssl.create_default_context(cafile=f"{work}/root.pem")
        trust.set_alpn_protocols(["h2"])
        if how == "certificate":
            client = APNs(client_cert=f"{work}/apns.pem", topic=places["topic"], ssl_context=trust)
        else:
            client = APNs(
                key=open(f"{work}/key.p8").read(), key_id=places["keyId"], team_id=places["team"],
                topic=places["topic"], ssl_context=trust,
            )
        def request(token, **more):
            alert = {"aps": {"alert": {"title": "Hi", "body": f"by {how}"}}}
            return NotificationRequest(device_token=token, message=alert, push_type=PushType.ALERT, **more)
        # By token Apple allows one stream until the first good request, and this library does not wait for it.
        answers = [await client.send_notification(request("a" * 64))]
        answers += await asyncio.gather(*(client.send_notification(request("a" * 64)) for _ in range(19)))
        assert all(answer.is_successful for answer in answers), [answer.description for answer in answers]
        dead = await client.send_notification(request("d" * 64))
        assert (dead.status, dead.description) == ("410", "Unregistered"), (dead.status, dead.description)
        assert int(dead.timestamp) == 1_700_000_000_000, dead.timestamp
        bad = await client.send_notification(request("xyz"))
        assert bad.description == "BadDeviceToken", bad.description
        long = await client.send_notification(request("a" * 64, collapse_key="c" * 65))
        assert long.description == "BadCollapseId", long.description
    print("aioapns: certificate, token, 20 at once, Unregistered, BadDeviceToken, BadCollapseId")

asyncio.run(main())
