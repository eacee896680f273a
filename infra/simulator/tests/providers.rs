//! Fanfare's own transports against the simulated providers: every class of answer over real TLS.
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

use std::time::Duration;

use credential::Credential;
use domain::credential::{Environment, Platform, Provider};
use domain::push::device::Token;
use domain::push::message::{Push, Text};
use domain::time::Timestamp;
use futures::future::join_all;
use providers::{Answer, Client, Hosts, MessageId, Mode, Order};
use runtime::Clock;
use simulator::{Fault, Simulator, Target};
use testkit::{TOPIC, key_pair, push_certificate, service_account, signing_key};

const DEADLINE: Duration = Duration::from_secs(5);

struct World {
    simulator: Simulator,
    hosts: Hosts,
}

impl World {
    async fn new() -> Self {
        let simulator = Simulator::start(Clock::system()).await.unwrap();
        let hosts = Hosts::stand_ins(simulator.stand_ins()).unwrap();
        Self { simulator, hosts }
    }

    fn client(&self, credential: &Credential, environment: Environment) -> Client {
        Client::new(credential, environment, &self.hosts).unwrap()
    }

    fn reason(&self) -> Option<String> {
        self.simulator.pushes().pop().unwrap().reason
    }
}

async fn send(client: &Client, provider: Provider, token: &str) -> Answer {
    let platform = match provider {
        Provider::Apns => Platform::Ios,
        Provider::Fcm | Provider::Baidu => Platform::Android,
    };
    let push = Push {
        title: Some(Text::plain("Hi")),
        body: Some(Text::plain("there")),
        data: [("k".to_owned(), "v".to_owned())].into(),
        collapse_id: Some("c".to_owned()),
        ttl: Some(Duration::from_secs(60)),
        ..Push::default()
    };
    let now = Clock::system().now();
    let order = Order {
        push: &push,
        platform,
        token: &Token::parse(token, provider).unwrap(),
        id: MessageId::from_bytes([7; 16]),
        accepted: now,
    };
    client
        .send(&order, Mode::Send, now, DEADLINE)
        .await
        .unwrap()
}

fn device(digit: char) -> String {
    digit.to_string().repeat(64)
}

#[tokio::test]
async fn apns_takes_a_good_push_over_one_connection_and_judges_certificates() {
    let world = World::new().await;
    let (credential, _) = push_certificate(&[1, 2], (2020, 2090));
    let client = world.client(&credential, Environment::Production);
    let pushes = (0..20).map(|_| send(&client, Provider::Apns, "ab".repeat(32).leak()));
    for answer in join_all(pushes).await {
        assert_eq!(answer.class.word(), "delivered", "{answer:?}");
        assert!(answer.provider_id.is_some());
    }
    assert_eq!(world.simulator.connections(), 1);
    let push = world.simulator.pushes().pop().unwrap();
    assert_eq!(
        (push.title.as_deref(), push.body.as_deref()),
        (Some("Hi"), Some("there"))
    );
    assert_eq!(
        (push.application.as_str(), push.collapse_id.as_deref()),
        (TOPIC, Some("c"))
    );

    let (production, _) = push_certificate(&[2], (2020, 2090));
    let client = world.client(&production, Environment::Sandbox);
    let answer = send(&client, Provider::Apns, &device('a')).await;
    assert_eq!(answer.class.word(), "credential_fault", "{answer:?}");
    assert_eq!(answer.reason, "BadCertificateEnvironment");

    let (expired, _) = push_certificate(&[1, 2], (2020, 2021));
    let client = world.client(&expired, Environment::Production);
    let answer = send(&client, Provider::Apns, &device('a')).await;
    assert_eq!(answer.class.word(), "credential_fault", "{answer:?}");
    assert!(answer.reason.contains("CertificateExpired"), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_that_ends_is_refused_at_the_next_push_and_a_new_one_is_not() {
    let world = World::new().await;
    let (credential, fingerprint) = push_certificate(&[1, 2], (2020, 2090));
    let client = world.client(&credential, Environment::Production);
    assert_eq!(
        send(&client, Provider::Apns, &device('a'))
            .await
            .class
            .word(),
        "delivered"
    );
    world.simulator.expire_certificate(fingerprint);
    let answer = send(&client, Provider::Apns, &device('a')).await;
    assert_eq!(answer.class.word(), "credential_fault", "{answer:?}");
    let (fresh, _) = push_certificate(&[1, 2], (2020, 2090));
    let client = world.client(&fresh, Environment::Production);
    assert_eq!(
        send(&client, Provider::Apns, &device('a'))
            .await
            .class
            .word(),
        "delivered"
    );
}

#[tokio::test]
async fn apns_knows_dead_and_misplaced_tokens() {
    let world = World::new().await;
    let (credential, _) = push_certificate(&[1, 2], (2020, 2090));
    let client = world.client(&credential, Environment::Production);
    world
        .simulator
        .uninstall(&device('d'), Timestamp::from_millis(77));
    let answer = send(&client, Provider::Apns, &device('d')).await;
    assert_eq!(
        answer.class,
        providers::Class::DeadToken {
            since: Some(Timestamp::from_millis(77))
        }
    );
    world.simulator.place(&device('e'), Environment::Sandbox);
    let answer = send(&client, Provider::Apns, &device('e')).await;
    assert_eq!(answer.class.word(), "wrong_environment_suspect");
    world.simulator.belong(&device('f'), "com.example.other");
    send(&client, Provider::Apns, &device('f')).await;
    assert_eq!(world.reason().as_deref(), Some("DeviceTokenNotForTopic"));
    let answer = send(&client, Provider::Apns, "ab01").await;
    assert_eq!(answer.reason, "BadDeviceToken");
}

#[tokio::test]
async fn apns_checks_provider_tokens() {
    let world = World::new().await;
    let (credential, public) = signing_key("KEY1234567");
    world
        .simulator
        .know_signing_key("KEY1234567", "TEAM123456", &public, None);
    let client = world.client(&credential, Environment::Production);
    let answers =
        join_all((0..10).map(|_| send(&client, Provider::Apns, "cd".repeat(32).leak()))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.class.word() == "delivered"),
        "{answers:?}"
    );

    let (other, _) = signing_key("KEY1234567");
    let answer = send(
        &world.client(&other, Environment::Production),
        Provider::Apns,
        &device('a'),
    )
    .await;
    assert_eq!(answer.reason, "InvalidProviderToken");
    let (boxed, public) = signing_key("KEYSANDBOX");
    let sandbox = Some(Environment::Sandbox);
    world
        .simulator
        .know_signing_key("KEYSANDBOX", "TEAM123456", &public, sandbox);
    let answer = send(
        &world.client(&boxed, Environment::Production),
        Provider::Apns,
        &device('a'),
    )
    .await;
    assert_eq!(answer.reason, "BadEnvironmentKeyInToken");
    world.simulator.revoke_signing_key("KEY1234567");
    let answer = send(&client, Provider::Apns, &device('a')).await;
    assert_eq!(answer.class.word(), "credential_fault");
}

#[tokio::test]
async fn lost_connections_are_made_good_once_and_scripted_words_come_through() {
    let world = World::new().await;
    let (credential, _) = push_certificate(&[1, 2], (2020, 2090));
    let client = world.client(&credential, Environment::Production);
    for fault in [Fault::Drop, Fault::GoAway("Shutdown".to_owned())] {
        world.simulator.script(Target::Apns, None, 1, fault);
        let answer = send(&client, Provider::Apns, &device('a')).await;
        assert_eq!(answer.class.word(), "delivered", "{answer:?}");
    }
    assert_eq!(world.simulator.connections(), 3);
    let goaway = Fault::GoAway("BadCertificate".to_owned());
    world.simulator.script(Target::Apns, None, 1, goaway);
    let answer = send(&client, Provider::Apns, &device('a')).await;
    assert_eq!(answer.reason, "BadCertificate", "{answer:?}");
    for (status, word, class) in [
        (429, "TooManyRequests", "retry"),
        (503, "ServiceUnavailable", "retry"),
        (403, "BadEnvironmentKeyIdInToken", "credential_fault"),
        (400, "WordFromTheFuture", "poison"),
    ] {
        world
            .simulator
            .script(Target::Apns, None, 1, Fault::refuse(status, word));
        let answer = send(&client, Provider::Apns, &device('a')).await;
        assert_eq!((answer.reason.as_str(), answer.class.word()), (word, class));
    }
}

#[tokio::test]
async fn fcm_gives_a_token_for_a_good_assertion_and_takes_good_messages() {
    let world = World::new().await;
    let (credential, email, public) = service_account("fanfare-demo");
    world.simulator.know_account(&email, &public);
    let client = world.client(&credential, Environment::Production);
    let answer = send(&client, Provider::Fcm, "phone:1").await;
    assert_eq!(answer.class.word(), "delivered", "{answer:?}");
    let push = world.simulator.pushes().pop().unwrap();
    assert_eq!(
        (push.title.as_deref(), &push.payload["data"]["k"]),
        (Some("Hi"), &"v".into())
    );

    world.simulator.uninstall("phone:1", Timestamp::EPOCH);
    let answer = send(&client, Provider::Fcm, "phone:1").await;
    assert_eq!(
        (answer.reason.as_str(), answer.class.word()),
        ("UNREGISTERED", "dead_token")
    );
    let answer = send(&client, Provider::Fcm, "no=token").await;
    assert_eq!(
        (answer.reason.as_str(), answer.class.word()),
        ("INVALID_ARGUMENT", "dead_token")
    );
    for (status, word, class) in [
        (429, "QUOTA_EXCEEDED", "retry"),
        (503, "UNAVAILABLE", "retry"),
        (500, "INTERNAL", "retry"),
        (401, "THIRD_PARTY_AUTH_ERROR", "credential_fault"),
        (403, "SENDER_ID_MISMATCH", "wrong_project_suspect"),
    ] {
        world
            .simulator
            .script(Target::Fcm, None, 1, Fault::refuse(status, word));
        let answer = send(&client, Provider::Fcm, "phone:2").await;
        assert_eq!((answer.reason.as_str(), answer.class.word()), (word, class));
    }
    world.simulator.revoke_account(&email);
    let answer = send(&client, Provider::Fcm, "phone:2").await;
    assert_eq!(answer.class.word(), "credential_fault", "{answer:?}");
    world.simulator.restore_account(&email);
    let (forged, ..) = service_account("fanfare-demo");
    let answer = send(
        &world.client(&forged, Environment::Production),
        Provider::Fcm,
        "phone:2",
    )
    .await;
    assert_eq!(answer.reason, "invalid_grant");
}

#[tokio::test]
async fn baidu_checks_its_signature() {
    let world = World::new().await;
    world.simulator.know_key_pair("key", "secret");
    for (secret, class) in [("secret", "delivered"), ("other", "credential_fault")] {
        let credential = key_pair("key", secret);
        let client = world.client(&credential, Environment::Production);
        let answer = send(&client, Provider::Baidu, "1234567890").await;
        assert_eq!(answer.class.word(), class, "{answer:?}");
    }
    assert_eq!(world.reason().as_deref(), Some("30603"));
}
