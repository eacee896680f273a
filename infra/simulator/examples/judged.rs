//! The simulated providers for others to judge: `judges/run` starts this, points public client
//! libraries at it, and compares what they and it say.
//!
//! Takes a directory, writes credentials and addresses into it, and lives until its input ends.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a tool of the tests, which should stop where it breaks"
)]

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
use runtime::Clock;
use serde_json::Value;
use simulator::Simulator;
use testkit::{TEAM, TOPIC, push_certificate, signing_key};

const KEY_IDS: [&str; 2] = ["JUDGESKEY1", "JUDGESKEY2"];
const PROJECT: &str = "fanfare-judged";

#[tokio::main]
async fn main() {
    let directory = std::env::args().nth(1).unwrap();
    let directory = Path::new(&directory);
    let simulator = Simulator::start(Clock::system()).await.unwrap();
    let places = simulator.stand_ins().split(' ').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), Value::from(value))
    });
    let mut places: serde_json::Map<String, Value> = places.collect();
    let root = STANDARD.decode(places["root"].as_str().unwrap()).unwrap();
    write(directory.join("root.pem"), pem("CERTIFICATE", &root)).unwrap();

    let (certificate, _) = push_certificate(&[1, 2], (2020, 2090));
    if let Credential::ApnsCertificate(of) = &certificate {
        let both = pem("CERTIFICATE", &of.chain.concat()) + &pem("PRIVATE KEY", of.key.pkcs8());
        write(directory.join("apns.pem"), both).unwrap();
    }
    // One each: a second client with a key signs a second token, which comes too soon.
    for key_id in KEY_IDS {
        let (key, public) = signing_key(key_id);
        simulator.know_signing_key(key_id, TEAM, &public, None);
        if let Credential::ApnsToken(of) = &key {
            let file = directory.join(format!("{key_id}.p8"));
            write(file, pem("PRIVATE KEY", of.key.pkcs8())).unwrap();
        }
    }
    let mut account: Value =
        serde_json::from_str(&simulator.issue_account(PROJECT).unwrap()).unwrap();
    account["token_uri"] = format!("{}/token", places["oauth"].as_str().unwrap()).into();
    write(directory.join("account.json"), account.to_string()).unwrap();
    let bodies: Vec<_> = pushes().iter().flat_map(messages).collect();
    write(
        directory.join("fcm-bodies.json"),
        Value::from(bodies).to_string(),
    )
    .unwrap();
    simulator.uninstall(&"d".repeat(64), Timestamp::from_millis(1_700_000_000_000));
    simulator.uninstall("phone:dead", Timestamp::EPOCH);
    for (name, value) in [("topic", TOPIC), ("team", TEAM), ("project", PROJECT)] {
        places.insert(name.to_owned(), value.into());
    }
    write(
        directory.join("places.json"),
        Value::from(places).to_string(),
    )
    .unwrap();
    println!("ready");
    // Until the script that judges is done.
    let mut nothing = String::new();
    while std::io::stdin().read_line(&mut nothing).unwrap() > 0 {}
    let pushes = serde_json::to_string(&simulator.pushes()).unwrap();
    write(directory.join("received.json"), pushes).unwrap();
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
