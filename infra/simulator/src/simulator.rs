use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::credential::{Environment, Fingerprint};
use domain::time::Timestamp;
use runtime::Clock;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::fault::{Fault, Scripted, Target};
use crate::received::Received;
use crate::server::{Service, accept, serve};
use crate::state::State;
use crate::tls::Tls;

/// As much as a socket holds before a writer waits.
const BUFFER: usize = 64 * 1024;

/// The ports of providers without sockets, in the order of `services`.
const PORTS: [u16; 4] = [1, 2, 3, 4];

/// All providers, listening on loopback until it is dropped, or [without sockets](Self::in_memory).
#[derive(Debug)]
pub struct Simulator {
    state: Arc<State>,
    stand_ins: String,
    doors: Vec<Door>,
    _servers: JoinSet<()>,
}

/// Where a service without sockets is called.
struct Door {
    port: u16,
    acceptor: TlsAcceptor,
    service: Service,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Door({})", self.port)
    }
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
        let mut listeners = Vec::new();
        for _ in PORTS {
            listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        }
        let mut ports = [0; PORTS.len()];
        for (port, listener) in ports.iter_mut().zip(&listeners) {
            *port = listener.local_addr()?.port();
        }
        for (listener, service) in listeners.into_iter().zip(services(ports)) {
            let acceptor = tls.acceptor(&service);
            servers.spawn(serve(listener, acceptor, service, Arc::clone(&state)));
        }
        Ok(Self {
            state,
            stand_ins: stand_ins(ports, &tls),
            doors: Vec::new(),
            _servers: servers,
        })
    }

    /// All of them without sockets, for a simulation with a time of its own: connections are made
    /// by [`connect`](Self::connect).
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn in_memory(clock: Clock) -> Result<Self, StartError> {
        let state = Arc::new(State::new(clock));
        let tls = Tls::new(&state)?;
        let doors = PORTS.into_iter().zip(services(PORTS));
        let doors = doors.map(|(port, service)| Door {
            port,
            acceptor: tls.acceptor(&service),
            service,
        });
        Ok(Self {
            doors: doors.collect(),
            stand_ins: stand_ins(PORTS, &tls),
            state,
            _servers: JoinSet::new(),
        })
    }

    /// The caller's end of a new connection to `port`, served by a task of the runtime it is called
    /// in; `None` when nobody listens there.
    #[must_use]
    pub fn connect(&self, port: u16) -> Option<DuplexStream> {
        let door = self.doors.iter().find(|door| door.port == port)?;
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let (acceptor, service) = (door.acceptor.clone(), door.service.clone());
        tokio::spawn(accept(theirs, acceptor, service, Arc::clone(&self.state)));
        Some(ours)
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

    /// Asks `trouble` about each request for which no fault waits, with its target and the token it
    /// is for, empty for the token service: the fault that it meets, if any.
    pub fn afflict(&self, trouble: impl Fn(Target, &str) -> Option<Fault> + Send + Sync + 'static) {
        self.state.afflict(Arc::new(trouble));
    }

    /// Forgets all faults in wait.
    pub fn unscript(&self) {
        self.state.lock().scripts.clear();
    }

    /// The application was removed from the phone at `since`: its token is dead.
    pub fn uninstall(&self, token: &str, since: Timestamp) {
        self.state.lock().dead.insert(token.to_owned(), since);
    }

    /// The application is on the phone again, and has its old token.
    pub fn install(&self, token: &str) {
        self.state.lock().dead.remove(token);
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

/// What listens at each of the ports.
fn services(ports: [u16; PORTS.len()]) -> [Service; PORTS.len()] {
    let [_, _, google, baidu] = ports.map(base);
    [
        Service::Apns(Environment::Production),
        Service::Apns(Environment::Sandbox),
        Service::Google { base: google },
        Service::Baidu { base: baidu },
    ]
}

fn stand_ins(ports: [u16; PORTS.len()], tls: &Tls) -> String {
    let [apns, sandbox, google, baidu] = ports.map(base);
    let root = STANDARD.encode(&tls.root);
    format!("apns={apns} sandbox={sandbox} fcm={google} oauth={google} baidu={baidu} root={root}")
}

fn base(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}
