//! Certificates and keys of every kind.

use credential::Credential;
use domain::credential::{Environment, Kind};
use p12_keystore::{Certificate, KeyStoreEntry};

use crate::made::{
    BUNDLE, PASSWORD, PRODUCTION, SANDBOX, Spec, VOIP, chain, file, judged, judged_for, refusals,
    rules,
};

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn dates_environments_topics_and_usages_are_judged() {
    let spec = Spec::default;
    let long = [
        "com.example.app",
        "com.example.app.voip",
        "com.example.other",
    ];
    let cases = [
        ("universal", spec(), vec![], vec![]),
        (
            "expired",
            Spec {
                to: (2026, 12, 31),
                ..spec()
            },
            vec!["expired"],
            vec![],
        ),
        (
            "ends today",
            Spec {
                to: (2027, 1, 1),
                ..spec()
            },
            vec!["expired"],
            vec![],
        ),
        (
            "not yet valid",
            Spec {
                from: (2027, 1, 2),
                ..spec()
            },
            vec!["not_yet_valid"],
            vec![],
        ),
        (
            "ends soon",
            Spec {
                to: (2027, 1, 30),
                ..spec()
            },
            vec![],
            vec!["ends_soon"],
        ),
        (
            "sandbox only",
            Spec {
                marks: vec![SANDBOX],
                ..spec()
            },
            vec!["wrong_environment"],
            vec![],
        ),
        (
            "production only",
            Spec {
                marks: vec![PRODUCTION],
                ..spec()
            },
            vec![],
            vec![],
        ),
        (
            "VoIP",
            Spec {
                marks: vec![VOIP],
                ..spec()
            },
            vec!["voip_only"],
            vec![],
        ),
        (
            "universal with VoIP",
            Spec {
                marks: vec![SANDBOX, PRODUCTION, VOIP],
                ..spec()
            },
            vec![],
            vec![],
        ),
        (
            "no push",
            Spec {
                marks: vec![],
                ..spec()
            },
            vec!["not_for_push"],
            vec![],
        ),
        (
            "multi-topic",
            Spec {
                topics: long.to_vec(),
                ..spec()
            },
            vec![],
            vec![],
        ),
        (
            "topics alone",
            Spec {
                bundle: None,
                topics: long.to_vec(),
                ..spec()
            },
            vec![],
            vec![],
        ),
        (
            "no bundle",
            Spec {
                bundle: None,
                ..spec()
            },
            vec!["no_bundle_id"],
            vec![],
        ),
        (
            "no client",
            Spec {
                client_auth: false,
                ..spec()
            },
            vec!["no_client_auth"],
            vec![],
        ),
        (
            "everything",
            Spec {
                marks: vec![SANDBOX],
                to: (2026, 7, 1),
                client_auth: false,
                bundle: None,
                ..spec()
            },
            vec![
                "expired",
                "wrong_environment",
                "no_client_auth",
                "no_bundle_id",
            ],
            vec![],
        ),
    ];
    for (name, spec, refusing, mut warning) in cases {
        // They are signed by themselves, not by Apple.
        warning.push("foreign_issuer");
        let judged = judged(&spec.file(), PASSWORD);
        assert_eq!(rules(&judged), (refusing, warning), "{name}");
        if let Ok(good) = judged {
            assert_eq!(good.facts.bundle_id.as_deref(), Some(BUNDLE), "{name}");
            assert_eq!(good.facts.kind, Kind::Certificate);
            let topics = if spec.topics.is_empty() {
                vec![BUNDLE]
            } else {
                spec.topics
            };
            assert_eq!(good.facts.topics, topics, "{name}");
        }
    }
}

#[test]
fn the_environment_and_the_application_asked_for_must_be_the_certificates() {
    let sandbox = Spec {
        marks: vec![SANDBOX],
        ..Spec::default()
    }
    .file();
    let judged = judged_for(&sandbox, PASSWORD, Some(BUNDLE), Environment::Sandbox);
    assert_eq!(judged.unwrap().facts.environments, [Environment::Sandbox]);
    let production = Spec {
        marks: vec![PRODUCTION],
        ..Spec::default()
    }
    .file();
    let judged = judged_for(&production, PASSWORD, None, Environment::Sandbox);
    assert_eq!(refusals(&judged), ["wrong_environment"]);

    let topics = vec!["com.example.app", "com.example.other"];
    let several = Spec {
        topics,
        ..Spec::default()
    }
    .file();
    let other = Some("com.example.other");
    let judged = judged_for(&several, PASSWORD, other, Environment::Production);
    let Credential::ApnsCertificate(material) = judged.unwrap().credential else {
        panic!("no certificate");
    };
    assert_eq!(Some(material.topic.as_str()), other);
    let judged = judged_for(
        &several,
        PASSWORD,
        Some("com.foreign"),
        Environment::Production,
    );
    assert_eq!(refusals(&judged), ["foreign_bundle_id"]);
}

#[test]
fn one_key_with_its_certificate_is_wanted_and_nothing_else() {
    let (leaf, key) = Spec::default().make();
    let (other, other_key) = Spec::default().make();
    let lone = |der: &[u8]| {
        let certificate = Certificate::from_der(der).unwrap();
        ("lone".to_owned(), KeyStoreEntry::Certificate(certificate))
    };
    for (name, entries, expected) in [
        (
            "two keys",
            vec![
                chain("a", &key, &[&leaf]),
                chain("b", &other_key, &[&other]),
            ],
            vec!["two_keys"],
        ),
        ("no key", vec![lone(&leaf)], vec!["no_key"]),
        (
            "no certificate",
            vec![chain("a", &key, &[])],
            vec!["no_certificate"],
        ),
        (
            "key mismatch",
            vec![chain("a", &key, &[&other])],
            vec!["key_mismatch"],
        ),
        (
            "other order",
            vec![chain("a", &key, &[&other, &leaf])],
            vec![],
        ),
    ] {
        let judged = judged(&file(&entries), PASSWORD);
        assert_eq!(refusals(&judged), expected, "{name}");
        if let Ok(good) = judged {
            let Credential::ApnsCertificate(material) = good.credential else {
                panic!("no certificate");
            };
            assert_eq!(material.chain, std::slice::from_ref(&leaf), "{name}");
        }
    }
}
