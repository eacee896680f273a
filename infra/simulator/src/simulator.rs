use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::credential::{Environment, Fingerprint};
use domain::time::Timestamp;
use runtime::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::fault::{Fault, Scripted, Target};
use crate::received::Received;
use crate::server::{Service, serve};
use crate::state::State;
use crate::tls::Tls;

/// All providers, listening on loopback until it is dropped.
#[derive(Debug)]
pub struct Simulator {
    state: Arc<State>,
    stand_ins: String,
    _servers: JoinSet<()>,
}

/// Why the providers could not be simulated.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No free port on loopback.
    #[error("listen on loopback")]
    Listen(#[from] std::io::Error),
    /// The certificate could not be made.
    #[error("make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// Its key could not be used.
    #[error("use a key just made: {0}")]
    Key(&'static str),
    /// The TLS library refuses the settings.
    #[error("set up TLS")]
    Tls(#[from] rustls::Error),
}

impl Simulator {
    /// Starts all of them, each on a port of its own.
    ///
    /// # Errors
    /// When loopback has no free port or no certificate can be made.
    pub async fn start(clock: Clock) -> Result<Self, StartError> {
        let state = Arc::new(State::new(clock));
        let tls = Tls::new(&state)?;
        let mut servers = JoinSet::new();
        let mut listen = async |make: &dyn Fn(&str) -> Service| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let base = format!("https://127.0.0.1:{}", listener.local_addr()?.port());
            let service = make(&base);
            let acceptor = match service {
                Service::Apns(_) => tls.apns.clone(),
                Service::Google { .. } | Service::Baidu { .. } => tls.open.clone(),
            };
            servers.spawn(serve(listener, acceptor, service, Arc::clone(&state)));
            Ok::<_, StartError>(base)
        };
        let apns = listen(&|_| Service::Apns(Environment::Production)).await?;
        let sandbox = listen(&|_| Service::Apns(Environment::Sandbox)).await?;
        let google = listen(&|base| Service::Google {
            base: base.to_owned(),
        })
        .await?;
        let baidu = listen(&|base| Service::Baidu {
            base: base.to_owned(),
        })
        .await?;
        let root = STANDARD.encode(&tls.root);
        Ok(Self {
            state,
            stand_ins: format!(
                "apns={apns} sandbox={sandbox} fcm={google} oauth={google} baidu={baidu} root={root}"
            ),
            _servers: servers,
        })
    }

    /// Where they are, as `providers::Hosts::stand_ins` reads it.
    #[must_use]
    pub fn stand_ins(&self) -> &str {
        &self.stand_ins
    }

    /// Every request to push, in the order in which they came.
    #[must_use]
    pub fn pushes(&self) -> Vec<Received> {
        self.state.lock().received.clone()
    }

    /// How many phones were reached.
    #[must_use]
    pub fn delivered(&self) -> usize {
        let inner = self.state.lock();
        inner.received.iter().filter(|push| push.delivered).count()
    }

    /// How many connections were opened.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.state.lock().connections
    }

    /// Calls `watcher` with each request to push.
    pub fn watch(&self, watcher: impl Fn(&Received) + Send + Sync + 'static) {
        self.state.watch(Arc::new(watcher));
    }

    /// The next `times` requests to `target`, for `token` if one is given, meet `fault`.
    pub fn script(&self, target: Target, token: Option<&str>, times: u32, fault: Fault) {
        self.state.lock().scripts.push(Scripted {
            target,
            token: token.map(str::to_owned),
            times,
            fault,
        });
    }

    /// Forgets all faults in wait.
    pub fn unscript(&self) {
        self.state.lock().scripts.clear();
    }

    /// The application was removed from the phone at `since`: its token is dead.
    pub fn uninstall(&self, token: &str, since: Timestamp) {
        self.state.lock().dead.insert(token.to_owned(), since);
    }

    /// The token belongs to one environment, and is unknown in the other.
    pub fn place(&self, token: &str, environment: Environment) {
        self.state
            .lock()
            .environments
            .insert(token.to_owned(), environment);
    }

    /// The token belongs to one application: an APNs topic or a Firebase project.
    pub fn belong(&self, token: &str, application: &str) {
        self.state
            .lock()
            .topics
            .insert(token.to_owned(), application.to_owned());
    }

    /// Refuses a certificate from now on, and ends the connections it opened.
    pub fn expire_certificate(&self, fingerprint: Fingerprint) {
        let bytes = fingerprint.to_bytes();
        self.state.lock().expired.insert(bytes);
        // Nobody may be connected.
        drop(self.state.ended.send(bytes));
    }

    /// From now on tokens of this key must be signed by it. `public` is the uncompressed point of
    /// a P-256 key. With an environment, it is good for that one only.
    pub fn know_signing_key(
        &self,
        key_id: &str,
        team_id: &str,
        public: &[u8],
        environment: Option<Environment>,
    ) {
        let mut inner = self.state.lock();
        let known = (team_id.to_owned(), public.to_vec());
        inner.signing_keys.insert(key_id.to_owned(), known);
        if let Some(environment) = environment {
            inner
                .key_environments
                .insert(key_id.to_owned(), environment);
        }
    }

    /// Refuses a signing key from now on.
    pub fn revoke_signing_key(&self, key_id: &str) {
        self.state.lock().revoked_keys.insert(key_id.to_owned());
    }

    /// From now on assertions of this account must be signed by its key, given as PKCS#1.
    pub fn know_account(&self, email: &str, public: &[u8]) {
        self.state
            .lock()
            .accounts
            .insert(email.to_owned(), public.to_vec());
    }

    /// Disables a service account, and the access tokens it has.
    pub fn revoke_account(&self, email: &str) {
        self.state.lock().revoked_accounts.insert(email.to_owned());
    }

    /// Enables it again.
    pub fn restore_account(&self, email: &str) {
        self.state.lock().revoked_accounts.remove(email);
    }

    /// From now on requests with this API key must be signed with its secret key.
    pub fn know_key_pair(&self, api_key: &str, secret_key: &str) {
        let mut inner = self.state.lock();
        inner
            .key_pairs
            .insert(api_key.to_owned(), secret_key.to_owned());
    }
}
