//! Credentials, made when they are needed, and how they die.

use std::sync::OnceLock;

use credential::Credential;
use domain::credential::{Environment, Fingerprint, Provider, Slot};
use simulator::Simulator;
use testkit::{TEAM, key_pair, push_certificate, service_account, signing_key};

/// The application that nobody's phone has.
const OTHER_TOPIC: &str = "com.example.other";

/// The phones' Firebase project, and one that has none of them.
pub(crate) const PROJECT: &str = "fanfare-demo";
const OTHER_PROJECT: &str = "another-project";
const BAIDU_KEY: &str = "key";

/// Apple's marks in a certificate.
const SANDBOX: u64 = 1;
const PRODUCTION: u64 = 2;

/// A credential that its provider believes until it is refused.
pub(crate) struct Good {
    pub(crate) credential: Credential,
    end: End,
}

/// What ends it.
enum End {
    Certificate(Fingerprint),
    Key(String),
    Account(String),
    Pair,
}

/// The `number`-th credential of a slot, made known to its provider.
pub(crate) fn good(simulator: &Simulator, slot: Slot, number: usize) -> Good {
    match slot.provider() {
        Provider::Apns if number.is_multiple_of(2) => {
            let marks = match slot.environment() {
                Environment::Production => [SANDBOX, PRODUCTION].as_slice(),
                Environment::Sandbox => [SANDBOX].as_slice(),
            };
            let (credential, fingerprint) = push_certificate(marks, (2020, 2090));
            Good {
                credential,
                end: End::Certificate(fingerprint),
            }
        }
        Provider::Apns => {
            let id = format!("KEY{number:07}");
            let (credential, public) = signing_key(&id);
            simulator.know_signing_key(&id, TEAM, &public, None);
            Good {
                credential,
                end: End::Key(id),
            }
        }
        Provider::Fcm => {
            let (credential, email, public) = account(PROJECT, number % 2);
            simulator.know_account(&email, &public);
            simulator.restore_account(&email);
            Good {
                credential,
                end: End::Account(email),
            }
        }
        Provider::Baidu => {
            let secret = format!("secret-{number}");
            simulator.know_key_pair(BAIDU_KEY, &secret);
            Good {
                credential: key_pair(BAIDU_KEY, &secret),
                end: End::Pair,
            }
        }
    }
}

/// One that its provider believes, and that is another application's: a service account of another
/// project, or a signing key whose owner gave the wrong bundle id.
pub(crate) fn mistaken(simulator: &Simulator, slot: Slot, number: usize) -> Credential {
    if slot.provider() == Provider::Fcm {
        let (credential, email, public) = account(OTHER_PROJECT, 2);
        simulator.know_account(&email, &public);
        return credential;
    }
    let id = format!("BAD{number:07}");
    let (credential, public) = signing_key(&id);
    simulator.know_signing_key(&id, TEAM, &public, None);
    let Credential::ApnsToken(mut of) = credential else {
        unreachable!("a signing key is a token's");
    };
    of.topic = OTHER_TOPIC.to_owned();
    Credential::ApnsToken(of)
}

impl Good {
    /// Its provider refuses it from now on.
    pub(crate) fn end(&self, simulator: &Simulator) {
        match &self.end {
            End::Certificate(fingerprint) => simulator.expire_certificate(*fingerprint),
            End::Key(id) => simulator.revoke_signing_key(id),
            End::Account(email) => simulator.revoke_account(email),
            End::Pair => simulator.know_key_pair(BAIDU_KEY, "another"),
        }
    }
}

/// Keys are made once: making one takes a while. Each `number` is of one project.
fn account(project: &str, number: usize) -> (Credential, String, Vec<u8>) {
    static ACCOUNTS: [OnceLock<(Credential, String, Vec<u8>)>; 3] =
        [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let (credential, email, public) = ACCOUNTS[number].get_or_init(|| service_account(project));
    let text = credential.to_text();
    let copy = Credential::from_text(&text).unwrap();
    (copy, email.clone(), public.clone())
}
