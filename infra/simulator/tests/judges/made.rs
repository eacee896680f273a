//! What the judges get: addresses, credentials, and messages of ours.

use std::fs::write;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use credential::Credential;
use domain::credential::{Platform, Provider};
use domain::push::device::Token;
use domain::push::message::{Localised, Priority, Push, Text};
use domain::time::Timestamp;
use providers::{MessageId, Order, fcm};
use serde_json::{Map, Value};
use simulator::Simulator;
use testkit::{TEAM, TOPIC, push_certificate, signing_key};

const KEY_ID: &str = "JUDGESKEY1";
const PROJECT: &str = "fanfare-judged";

/// Writes all of it into a directory, where the scripts expect it.
pub(crate) fn make(simulator: &Simulator, directory: &Path) {
    let write = |name: &str, content: &str| write(directory.join(name), content).unwrap();
    let places = simulator.stand_ins().split(' ').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), Value::from(value))
    });
    let mut places: Map<String, Value> = places.collect();
    let root = STANDARD.decode(places["root"].as_str().unwrap()).unwrap();
    write("root.pem", &pem("CERTIFICATE", &root));

    let (certificate, _) = push_certificate(&[1, 2], (2020, 2090));
    if let Credential::ApnsCertificate(of) = &certificate {
        let both = pem("CERTIFICATE", &of.chain.concat()) + &pem("PRIVATE KEY", of.key.pkcs8());
        write("apns.pem", &both);
    }
    let (key, public) = signing_key(KEY_ID);
    simulator.know_signing_key(KEY_ID, TEAM, &public, None);
    if let Credential::ApnsToken(of) = &key {
        write("key.p8", &pem("PRIVATE KEY", of.key.pkcs8()));
    }
    let account = simulator.issue_account(PROJECT).unwrap();
    let mut account: Value = serde_json::from_str(&account).unwrap();
    account["token_uri"] = format!("{}/token", places["oauth"].as_str().unwrap()).into();
    write("account.json", &account.to_string());
    simulator.uninstall(&"d".repeat(64), Timestamp::from_millis(1_700_000_000_000));
    simulator.uninstall("phone:dead", Timestamp::EPOCH);
    for (name, value) in [
        ("topic", TOPIC),
        ("team", TEAM),
        ("keyId", KEY_ID),
        ("project", PROJECT),
    ] {
        places.insert(name.to_owned(), value.into());
    }
    write("places.json", &Value::from(places).to_string());
    let bodies: Vec<_> = pushes().iter().flat_map(messages).collect();
    write("fcm-bodies.json", &Value::from(bodies).to_string());
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// Pushes that use everything a push can say, and nothing.
fn pushes() -> Vec<Push> {
    let key = Localised {
        key: "NEW".to_owned(),
        args: vec!["Ann".to_owned()],
    };
    let text = |text: &str| Text {
        text: text.to_owned(),
        localised: Some(key.clone()),
    };
    let whole = Push {
        title: Some(text("title")),
        body: Some(text("body")),
        data: [("k".to_owned(), "v".to_owned())].into(),
        badge: Some(3),
        sound: Some("ping".to_owned()),
        collapse_id: Some("c".to_owned()),
        ttl: Some(Duration::from_secs(60)),
        priority: Priority::Normal,
        silent: false,
    };
    let silent = Push {
        silent: true,
        ..whole.clone()
    };
    let large = Push {
        body: Some(Text::plain("ä".repeat(5000))),
        ..Push::default()
    };
    vec![whole, silent, large, Push::default()]
}

fn messages(push: &Push) -> Vec<Value> {
    let token = Token::parse("phone:1", Provider::Fcm).unwrap();
    let of = |platform| {
        let order = Order {
            push,
            platform,
            token: &token,
            id: MessageId::from_bytes([1; 16]),
            accepted: Timestamp::from_millis(0),
        };
        fcm::message(&order, Timestamp::from_millis(0)).unwrap().0
    };
    vec![of(Platform::Android), of(Platform::Ios)]
}
