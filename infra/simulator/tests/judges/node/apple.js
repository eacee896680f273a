// @parse/node-apn, by certificate and by token, pointed at the simulated APNs.
const fs = require("fs");
const apn = require("@parse/node-apn");
const assert = require("assert");

const work = process.argv[2];
const places = JSON.parse(fs.readFileSync(`${work}/places.json`));
const server = new URL(places.apns);
const common = { address: server.hostname, port: Number(server.port), production: true, ca: fs.readFileSync(`${work}/root.pem`) };
const pem = fs.readFileSync(`${work}/apns.pem`);
const ways = {
  certificate: { ...common, cert: pem, key: pem },
  token: { ...common, token: { key: fs.readFileSync(`${work}/key.p8`), keyId: places.keyId, teamId: places.team } },
};

async function judge() {
  for (const [how, options] of Object.entries(ways)) {
    const provider = new apn.Provider(options);
    const note = new apn.Notification({ alert: { title: "Hi", body: `by ${how}` }, topic: places.topic, pushType: "alert" });
    // One after the other: by token Apple allows one stream until the first good request, and this
    // library opens the second without waiting for that.
    for (const device of ["a", "b"]) {
      const good = await provider.send(note, device.repeat(64));
      assert.equal(good.sent.length, 1, JSON.stringify(good.failed));
    }
    const dead = await provider.send(note, "d".repeat(64));
    assert.equal(dead.failed[0].response.reason, "Unregistered");
    const other = new apn.Notification({ alert: "Hi", topic: "com.example.app.voip", pushType: "alert" });
    if (how === "certificate") {
      other.topic = "com.other";
      const refused = await provider.send(other, "a".repeat(64));
      assert.equal(refused.failed[0].response.reason, "TopicDisallowed");
    }
    await provider.shutdown();
  }
  console.log("@parse/node-apn: certificate, token, Unregistered, TopicDisallowed");
}
judge().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
