"""google-auth and firebase-admin, pointed at the simulated token service and FCM."""
import json, os, sys

work = sys.argv[1]
places = json.load(open(f"{work}/places.json"))
os.environ["REQUESTS_CA_BUNDLE"] = os.path.abspath(f"{work}/root.pem")
os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"]

import google.auth.transport.requests
from google.oauth2 import service_account

scope = ["https://www.googleapis.com/auth/firebase.messaging"]
account = service_account.Credentials.from_service_account_file(f"{work}/account.json", scopes=scope)
account.refresh(google.auth.transport.requests.Request())
assert account.token and account.expiry, "google-auth got no token"

import firebase_admin
from firebase_admin import credentials, exceptions, messaging

app = firebase_admin.initialize_app(credentials.Certificate(f"{work}/account.json"))
service = messaging._get_messaging_service(app)
# The library knows one address only.
official = "https://fcm.googleapis.com"
for name, value in list(vars(service).items()):
    if isinstance(value, str) and value.startswith(official):
        setattr(service, name, value.replace(official, places["fcm"]))
messaging._MessagingService.FCM_URL = places["fcm"] + "/v1/projects/{0}/messages:send"

def message(token):
    return messaging.Message(
        token=token,
        data={"k": "v"},
        notification=messaging.Notification(title="Hi", body="from firebase-admin"),
        android=messaging.AndroidConfig(collapse_key="c", priority="high", ttl=60),
    )

sent = messaging.send(message("phone:1"), app=app)
assert sent.startswith(f"projects/{places['project']}/messages/"), sent
dry = messaging.send(message("phone:1"), dry_run=True, app=app)
assert dry.endswith("fake_message_id"), dry
try:
    messaging.send(message("phone:dead"), app=app)
    raise SystemExit("a dead token was taken")
except messaging.UnregisteredError:
    pass
try:
    messaging.send(message("no=token"), app=app)
    raise SystemExit("no token was taken")
except exceptions.InvalidArgumentError:
    pass
print("google-auth and firebase-admin: token, send, dry run, UNREGISTERED, INVALID_ARGUMENT")
