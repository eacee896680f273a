//! What the providers know: phones, keys, and the faults in wait.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::credential::Environment;
use domain::time::Timestamp;
use runtime::Clock;
use tokio::sync::broadcast;

use crate::fault::{Fault, Scripted, Target};
use crate::received::Received;

/// Most pushes kept; the oldest leave.
const MAX_KEPT: usize = 200_000;

type Watcher = Arc<dyn Fn(&Received) + Send + Sync>;
pub(crate) type Trouble = Arc<dyn Fn(Target, &str) -> Option<Fault> + Send + Sync>;

pub(crate) struct State {
    pub(crate) clock: Clock,
    inner: Mutex<Inner>,
    watcher: Mutex<Option<Watcher>>,
    trouble: Mutex<Option<Trouble>>,
    /// Ends the connections that a certificate opened.
    pub(crate) ended: broadcast::Sender<[u8; 32]>,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) received: Vec<Received>,
    pub(crate) scripts: Vec<Scripted>,
    /// Dead since.
    pub(crate) dead: HashMap<String, Timestamp>,
    pub(crate) environments: HashMap<String, Environment>,
    pub(crate) topics: HashMap<String, String>,
    /// Team and public key by key id.
    pub(crate) signing_keys: HashMap<String, (String, Vec<u8>)>,
    /// Signing keys of one environment only.
    pub(crate) key_environments: HashMap<String, Environment>,
    pub(crate) revoked_keys: HashSet<String>,
    /// Newest issue time of provider tokens by key id.
    pub(crate) token_issued: HashMap<String, u64>,
    /// Public key by client e-mail.
    pub(crate) accounts: HashMap<String, Vec<u8>>,
    pub(crate) revoked_accounts: HashSet<String>,
    /// Until when, and whose, by access token.
    pub(crate) access_tokens: HashMap<String, (Timestamp, String)>,
    /// Secret key by API key.
    pub(crate) key_pairs: HashMap<String, String>,
    /// Certificates refused before their time, by SHA-256.
    pub(crate) expired: HashSet<[u8; 32]>,
    pub(crate) issued: u64,
    pub(crate) connections: u64,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl State {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            inner: Mutex::default(),
            watcher: Mutex::default(),
            trouble: Mutex::default(),
            ended: broadcast::channel(16).0,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change is whole by itself, so a panic elsewhere leaves nothing half-done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
    }

    pub(crate) fn afflict(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }

    pub(crate) fn keep(&self, received: Received) {
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let watcher = watcher.clone();
        if let Some(watcher) = watcher {
            watcher(&received);
        }
        let mut inner = self.lock();
        if inner.received.len() >= MAX_KEPT {
            inner.received.drain(..MAX_KEPT / 2);
        }
        inner.received.push(received);
    }

    /// What a request to `target` meets: the fault in wait for it, used up, or another.
    pub(crate) fn fault(&self, target: Target, token: &str) -> Option<Fault> {
        let scripted = self.scripted(target, token);
        scripted.or_else(|| {
            let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            let trouble = trouble.clone()?;
            trouble(target, token)
        })
    }

    fn scripted(&self, target: Target, token: &str) -> Option<Fault> {
        let mut inner = self.lock();
        let waits = |script: &Scripted| {
            script.target == target && script.token.as_deref().is_none_or(|only| only == token)
        };
        let at = inner.scripts.iter().position(waits)?;
        let script = inner.scripts.get_mut(at)?;
        let fault = script.fault.clone();
        script.times = script.times.saturating_sub(1);
        if script.times == 0 {
            inner.scripts.remove(at);
        }
        Some(fault)
    }
}
