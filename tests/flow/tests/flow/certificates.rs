//! Push credentials: uploaded, judged, activated, tried, rolled back and deleted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::credential::Fingerprint;
use domain::id::CredentialId;
use domain::time::Timestamp;
use serde_json::{Value, json};
use simulator::issue_certificate;
use store::Dated;

use crate::harness::{Answer, Fanfare};

pub(crate) const PASSWORD: &str = "correct horse battery";
const BUNDLE: &str = "com.example.app";
const PHONE: &str = "a1b2";

/// A push certificate of no authority, for both environments, as a .p12 file.
pub(crate) fn p12() -> Vec<u8> {
    p12_until(Timestamp::parse("2090-01-01T00:00:00Z").unwrap())
}

/// One that ends at this second.
pub(crate) fn p12_until(ends: Timestamp) -> Vec<u8> {
    let file = issue_certificate(BUNDLE, PASSWORD, ends).unwrap();
    file.to_vec()
}

pub(crate) fn apns(file: &[u8]) -> Value {
    json!({
        "name": "Production", "platform": "ios", "provider": "apns", "environment": "production",
        "p12": STANDARD.encode(file), "password": PASSWORD,
    })
}

fn baidu(secret_key: &str) -> Value {
    json!({
        "name": "Baidu", "platform": "android", "provider": "baidu", "environment": "production",
        "apiKey": "aBcDeFgH12345678", "secretKey": secret_key,
    })
}

fn rules(answer: &Answer) -> Vec<&str> {
    let errors = answer.body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["rule"].as_str().unwrap())
        .collect()
}

impl Fanfare {
    async fn upload(&self, certificate: &Value) -> Answer {
        self.post(&self.admin(), "/certificates", certificate).await
    }

    /// Uploads what is good, and gives its path.
    pub(crate) async fn uploaded(&self, certificate: &Value) -> String {
        let taken = self.upload(certificate).await;
        assert_eq!(taken.status, 201, "{}", taken.body);
        format!("/certificates/{}", taken.text("/id"))
    }

    pub(crate) async fn activate_at(&self, path: &str, body: &Value) -> Answer {
        self.post(&self.admin(), &format!("{path}/activate"), body)
            .await
    }

    async fn is_active(&self, path: &str) -> bool {
        self.get(path).await.body["active"] == true
    }
}

fn phone() -> String {
    PHONE.repeat(16)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_judged_at_once_and_kept_once() {
    let fanfare = Fanfare::start().await;
    let file = p12();
    let taken = fanfare.upload(&apns(&file)).await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    assert_eq!(
        (
            taken.text("/bundleId").as_str(),
            &taken.body["topics"],
            &taken.body["active"]
        ),
        (BUNDLE, &json!([BUNDLE]), &json!(false))
    );
    assert_eq!(taken.body["environments"], json!(["production", "sandbox"]));
    assert!(taken.body["daysToExpiry"].as_i64().unwrap() > 30);
    assert_eq!(taken.body["warnings"][0]["rule"], "foreign_issuer");
    let read = fanfare
        .get(&format!("/certificates/{}", taken.text("/id")))
        .await;
    assert_eq!(read.body["fingerprint"], taken.body["fingerprint"]);

    // No place takes it twice.
    let again = fanfare.upload(&apns(&file)).await;
    assert_eq!((again.status, rules(&again)), (422, vec!["duplicate"]));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_sent_again_with_its_idempotency_key_is_answered_again() {
    let fanfare = Fanfare::start().await;
    let upload = apns(&p12()).to_string();
    let send = async |path: &str, key: &str, body: &str| {
        let headers = [("idempotency-key", key)];
        let admin = fanfare.admin();
        fanfare.call(&admin, "POST", path, body, &headers).await
    };
    let (one, twin) = futures::future::join(
        send("/certificates", "k1", &upload),
        send("/certificates", "k1", &upload),
    )
    .await;
    let later = send("/certificates", "k1", &upload).await;
    for answer in [&twin, &later] {
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.body["id"], one.body["id"]);
        assert_eq!(answer.body["warnings"], one.body["warnings"]);
        assert_eq!(answer.headers["location"], one.headers["location"]);
    }
    let listed = fanfare.get("/certificates").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);

    // The key belongs to that request, also where other things are made.
    let other = apns(&p12()).to_string();
    let endpoint = json!({ "url": "https://hooks.example.com/" }).to_string();
    for (path, body) in [("/certificates", &other), ("/webhooks", &endpoint)] {
        let refused = send(path, "k1", body).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (409, "idempotency-mismatch")
        );
    }
    let refused = send("/certificates", &"k".repeat(256), &upload).await;
    assert_eq!(refused.problem(), "invalid-fields");
    // Without the key it is what it always was.
    let again = fanfare
        .upload(&serde_json::from_str(&upload).unwrap())
        .await;
    assert_eq!((again.status, rules(&again)), (422, vec!["duplicate"]));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_uploaded_often_at_once_is_kept_once_until_it_is_deleted() {
    let fanfare = Fanfare::start().await;
    let upload = apns(&p12());
    let answers = futures::future::join_all((0..6).map(|_| fanfare.upload(&upload))).await;
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((taken.len(), refused.len()), (1, 5));
    let id = taken[0].text("/id");
    for answer in refused {
        assert_eq!((answer.status, rules(answer)), (422, vec!["duplicate"]));
        let told = answer.text("/errors/0/message");
        assert!(told.contains(&id), "{told}");
    }
    let watched = async || {
        let watches = fanfare.store().expiry_watches().await.unwrap();
        let subjects = watches.iter().map(|watch| watch.subject);
        subjects.collect::<Vec<_>>()
    };
    let kept = Dated::Credential(CredentialId::parse(&id).unwrap());
    assert_eq!(watched().await, [kept]);
    let path = format!("/certificates/{id}");
    let gone = fanfare
        .call(&fanfare.admin(), "DELETE", &path, "", &[])
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(watched().await, []);
    assert_ne!(fanfare.uploaded(&upload).await, path);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_good_is_refused_with_every_verdict_and_nothing_is_kept_or_repeated() {
    let fanfare = Fanfare::start().await;
    let file = p12();
    let with = |name: &str, value: Value| {
        let mut upload = apns(&file);
        upload[name] = value;
        upload
    };
    let fcm = |name: &str, value: Value| json!({ "name": "n", "platform": "android", "provider": "fcm", "environment": "production", name: value });
    for (upload, problem, expected) in [
        (
            with("password", json!("s3cr3t-wrong")),
            "certificate-refused",
            vec!["wrong_password"],
        ),
        (
            with("p12", json!(STANDARD.encode(&file[..900]))),
            "certificate-refused",
            vec!["damaged"],
        ),
        (
            with("bundleId", json!("com.foreign")),
            "certificate-refused",
            vec!["foreign_bundle_id", "foreign_issuer"],
        ),
        (
            fcm("apiKey", json!("AAAAs3cr3t:APA91b")),
            "certificate-refused",
            vec!["old_server_key"],
        ),
        (
            fcm("serviceAccount", json!({ "type": "s3cr3t" })),
            "certificate-refused",
            vec!["not_service_account"],
        ),
        (
            baidu("s3cr3t"),
            "certificate-refused",
            vec!["bad_secret_key", "unverified"],
        ),
        (
            with("p12", json!("%s3cr3t")),
            "invalid-fields",
            vec!["format"],
        ),
        (
            with("password", json!(["s3cr3t"])),
            "invalid-fields",
            vec!["type"],
        ),
        (
            with("secretKey", json!("s3cr3t")),
            "invalid-fields",
            vec!["conflict"],
        ),
        (with("name", json!(" ")), "invalid-fields", vec!["format"]),
        (
            with("platform", json!("android")),
            "invalid-fields",
            vec!["format"],
        ),
        (
            fcm("p8", json!("s3cr3t")),
            "invalid-fields",
            vec!["required", "conflict"],
        ),
        (
            with("pin", json!("s3cr3t")),
            "invalid-fields",
            vec!["unknown"],
        ),
    ] {
        let refused = fanfare.upload(&upload).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (422, problem),
            "{}",
            refused.body
        );
        for error in refused.body["errors"].as_array().unwrap() {
            let severity = match error["rule"].as_str().unwrap() {
                _ if problem == "invalid-fields" => Value::Null,
                "foreign_issuer" | "unverified" => json!("warning"),
                _ => json!("error"),
            };
            assert_eq!(error["severity"], severity, "{error}");
        }
        let mut told = rules(&refused);
        told.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(told, expected, "{}", refused.body);
        assert!(
            !refused.body.to_string().contains("s3cr3t"),
            "{}",
            refused.body
        );
    }
    let old = fanfare.upload(&fcm("apiKey", json!("AAAAx:y"))).await;
    assert_eq!(old.body["errors"][0]["field"], "apiKey", "{}", old.body);
    let viewer = fanfare.key(domain::api_key::Role::Viewer).await;
    let refused = fanfare.post(&viewer, "/certificates", &apns(&file)).await;
    assert_eq!(refused.problem(), "not-permitted");
    assert_eq!(fanfare.get("/certificates").await.body["items"], json!([]));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_is_active_and_the_one_before_comes_back() {
    let fanfare = Fanfare::start().await;
    let place = json!({ "platform": "ios", "provider": "apns", "environment": "production" });
    let first = fanfare.uploaded(&apns(&p12())).await;
    let second = fanfare.uploaded(&apns(&p12())).await;
    let other = fanfare.uploaded(&baidu("sEcReT0123456789")).await;
    let none = fanfare
        .post(&fanfare.admin(), "/certificates/rollback", &place)
        .await;
    assert_eq!(none.problem(), "not-found");

    for path in [&first, &other, &second, &second] {
        let active = fanfare.activate_at(path, &json!({})).await;
        assert_eq!(
            (active.status, &active.body["active"]),
            (200, &json!(true)),
            "{}",
            active.body
        );
    }
    assert_eq!(
        (
            fanfare.is_active(&first).await,
            fanfare.is_active(&second).await,
            fanfare.is_active(&other).await
        ),
        (false, true, true)
    );
    let kept = fanfare
        .call(&fanfare.admin(), "DELETE", &second, "", &[])
        .await;
    assert_eq!((kept.status, kept.problem()), (409, "certificate-active"));
    let back = fanfare
        .post(&fanfare.admin(), "/certificates/rollback", &place)
        .await;
    assert_eq!(
        (back.status, back.text("/id")),
        (200, first[14..].to_owned()),
        "{}",
        back.body
    );
    let gone = fanfare
        .call(&fanfare.admin(), "DELETE", &second, "", &[])
        .await;
    assert_eq!(gone.status, 204);
    for path in [second.as_str(), "/certificates/nonsense"] {
        assert_eq!(fanfare.get(path).await.problem(), "not-found");
        assert_eq!(
            fanfare.activate_at(path, &json!({})).await.problem(),
            "not-found"
        );
    }
    let none = fanfare
        .post(&fanfare.admin(), "/certificates/rollback", &place)
        .await;
    assert_eq!(none.problem(), "not-found", "the one before is deleted");
    // Both activated at once: one is active, whichever it is.
    let (third, fourth) = (
        fanfare.uploaded(&apns(&p12())).await,
        fanfare.uploaded(&apns(&p12())).await,
    );
    let nothing = json!({});
    let both = futures::future::join(
        fanfare.activate_at(&third, &nothing),
        fanfare.activate_at(&fourth, &nothing),
    )
    .await;
    assert!([200, 412].contains(&both.0.status) && [200, 412].contains(&both.1.status));
    let active = [
        fanfare.is_active(&third).await,
        fanfare.is_active(&fourth).await,
    ];
    assert!(
        active == [true, false] || active == [false, true],
        "{active:?}"
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_tried_on_a_phone_and_activated_only_if_its_provider_accepts_it() {
    let fanfare = Fanfare::start().await;
    let simulator = fanfare.system.simulator().unwrap();
    let certificate = fanfare.uploaded(&apns(&p12())).await;
    let test = async |body: &Value| {
        fanfare
            .post(&fanfare.admin(), &format!("{certificate}/test"), body)
            .await
    };
    let sent = test(&json!({ "deviceToken": phone(), "title": "Hello", "body": "there" })).await;
    assert_eq!(
        (sent.status, sent.text("/outcome").as_str()),
        (200, "delivered"),
        "{}",
        sent.body
    );
    assert_eq!(
        (sent.body["status"].as_u64(), simulator.delivered()),
        (Some(200), 1)
    );
    let shown = serde_json::to_string(&simulator.pushes()).unwrap();
    assert!(
        shown.contains("Hello") && shown.contains("there"),
        "{shown}"
    );
    let verified = fanfare
        .activate_at(
            &certificate,
            &json!({ "verify": { "deviceToken": phone() } }),
        )
        .await;
    assert_eq!(verified.status, 200, "{}", verified.body);
    let refused = test(&json!({ "deviceToken": "not hex" })).await;
    assert_eq!(refused.problem(), "invalid-fields");
    let refused = test(&json!({ "deviceToken": phone(), "title": "x".repeat(1001) })).await;
    assert_eq!(refused.problem(), "invalid-fields");

    // The phone is gone: the provider says so in its own word.
    simulator.uninstall(&phone(), Timestamp::from_millis(1));
    let dead = test(&json!({ "deviceToken": phone() })).await;
    assert_eq!(
        (
            dead.text("/outcome").as_str(),
            dead.text("/reason").as_str()
        ),
        ("dead_token", "Unregistered")
    );
    assert!(dead.text("/raw").contains("Unregistered"), "{}", dead.body);

    // A certificate that Apple no longer takes is not activated.
    let second = fanfare.uploaded(&apns(&p12())).await;
    let fingerprint = fanfare.get(&second).await.text("/fingerprint");
    simulator.expire_certificate(Fingerprint::parse(&fingerprint).unwrap());
    let other = "c3".repeat(32);
    let refused = fanfare
        .activate_at(&second, &json!({ "verify": { "deviceToken": other } }))
        .await;
    assert_eq!(
        (refused.status, refused.problem()),
        (422, "certificate-refused"),
        "{}",
        refused.body
    );
    assert_eq!(rules(&refused), ["credential_fault"]);
    assert!(fanfare.is_active(&certificate).await && !fanfare.is_active(&second).await);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn material_and_passwords_are_in_the_vault_alone() {
    let fanfare = Fanfare::start().await;
    let secret_key = "sEcReT0123456789";
    let one = fanfare.uploaded(&apns(&p12())).await;
    let two = fanfare.uploaded(&baidu(secret_key)).await;
    fanfare.activate_at(&one, &json!({})).await;
    fanfare.activate_at(&two, &json!({})).await;
    let table = &fanfare.system.template().tables[0].name;
    let scan = fanfare.system.aws().dynamodb().scan().table_name(table);
    let rows = format!("{:?}", scan.send().await.unwrap().items());
    assert!(rows.contains(BUNDLE), "the rows are there");
    let listed = fanfare.get("/certificates").await.body.to_string();
    for secret in [PASSWORD, secret_key, "aBcDeFgH12345678"] {
        assert!(!rows.contains(secret) && !listed.contains(secret));
    }
    let vault = fanfare.system.aws().secretsmanager();
    let secrets = vault.list_secrets().send().await.unwrap();
    let named = secrets
        .secret_list()
        .iter()
        .filter_map(|secret| secret.name());
    assert_eq!(named.filter(|name| name.contains("/push/")).count(), 2);
    fanfare.system.stop().await;
}
