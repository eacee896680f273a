//! One message of the push queue.
//!
//! As in `webhook-dispatch`, what calls the AWS SDK is boxed: its futures are large.

use std::time::Duration;

use domain::credential::Record as Credential;
use domain::push::gate::{Ground, Trail};
use domain::time::Timestamp;
use providers::{Answer, MessageId, Mode, Order, Unbuildable};
use queue::push::{Held, HeldFor, PushMessage};
use queue::{MAX_DELAY, Record};
use sha2::{Digest as _, Sha256};
use store::{ActiveSlot, PushRecord, PushState};
use telemetry::chain::chain;

use crate::Deps;
use crate::aftermath::{self, quarantine};
use crate::clients::Unusable;
use crate::handler::MAX_AGE;
use crate::network::Network;
use crate::news;
use crate::outcome::{Ended, Later, Outcome, Trouble, is_trusted};

/// A try begins at the latest so long after its batch came in, or the function would end before it.
pub const LATEST_START: Duration = Duration::from_secs(10);

/// A try ends so long after it began. Finding out that a thawed connection is dead takes up to six
/// seconds, and then there must be time to send again.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// How long pushes wait for a better credential.
const LONGEST_HOLD: Duration = Duration::from_secs(7 * 24 * 3600);
/// One that has waited for long waits this part of it longer: whoever mends a credential after ten
/// minutes sees its pushes go within half a minute.
const LOOK_AFTER: u32 = 20;
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// Most credentials are mended within a day; what waits for longer is in less of a hurry, and costs a
/// fifth.
const SOON: Duration = Duration::from_secs(24 * 3600);
const LAST_LOOK_SOON: Duration = Duration::from_secs(60);
const LAST_LOOK: Duration = Duration::from_secs(300);

/// How long a held push that has waited so long waits for the next look at its credential.
fn next_look(waited: Duration) -> Duration {
    let most = if waited < SOON {
        LAST_LOOK_SOON
    } else {
        LAST_LOOK
    };
    (waited / LOOK_AFTER).clamp(FIRST_LOOK, most)
}

/// One push on its way.
pub(crate) struct Try<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) message: PushMessage,
    pub(crate) now: Timestamp,
}

/// # Errors
/// When the table or a queue does not answer; the message is received again then.
pub(crate) async fn run(deps: &Deps, record: Record, began: Timestamp) -> Result<Outcome, String> {
    let message = match PushMessage::read(&record.body) {
        Ok(message) => message,
        Err(malformed) => return Box::pin(quarantine(deps, record, &malformed)).await,
    };
    let now = deps.platform.clock.now();
    if now.since(began) > LATEST_START {
        return Err("the batch came to it too late".to_owned());
    }
    let suspect = message.repeated || record.receive_count > 1;
    let aged = suspect || now.since(record.sent) > MAX_AGE;
    let attempt = Try { deps, message, now };
    let made = attempt.make(suspect, aged).await;
    made.map_err(|error| chain(&error))
}

impl Try<'_> {
    /// `suspect`: it may have been sent before. `aged`: much may have changed since it was owed.
    async fn make(self, suspect: bool, aged: bool) -> Result<Outcome, Trouble> {
        let (deps, now, network) = (self.deps, self.now, self.message.network.clone());
        let outcome = self.settle_or_send(suspect, aged).await?;
        // The push first: it must not wait for those who are told of its credential.
        news::tell(deps, &network, now, &outcome).await?;
        Ok(outcome)
    }

    async fn settle_or_send(mut self, suspect: bool, aged: bool) -> Result<Outcome, Trouble> {
        if suspect && let Some(ended) = self.settled_before().await? {
            Box::pin(news::catch_up(&self, &ended)).await?;
            return Ok(Outcome::Stale);
        }
        let known = Network::of(self.deps, &self.message.network, self.now).await?;
        self.ask_and_send(&known, aged).await
    }

    async fn ask_and_send(mut self, known: &Network, aged: bool) -> Result<Outcome, Trouble> {
        if !known.enabled {
            let trail = Trail::default().and(Ground::MasterOff);
            return self.gated(trail).await;
        }
        if aged && !self.is_still_theirs().await? {
            let trail = self.message.trail.revised(Ground::DeviceGone);
            return self.gated(trail).await;
        }
        if self.is_over() {
            let say = "its time to live was over before it could be sent";
            return self.dead(say.to_owned()).await;
        }
        if let Some(at) = self.message.not_before.filter(|at| *at > self.now) {
            return Ok(self.wait(at));
        }
        let Some((active, credential)) = known.credentials.in_slot(self.message.device.slot) else {
            let trail = self.message.trail.revised(Ground::CredentialNone);
            return self.gated(trail).await;
        };
        if let Some(paused) = &active.paused {
            let say = aftermath::waits(&paused.reason, &paused.explanation);
            return self.hold(active, HeldFor::Pause, say).await;
        }
        if self.was_doubted(active) && !is_trusted(active) {
            let say = DOUBT.to_owned();
            return self.hold(active, HeldFor::Doubt, say).await;
        }
        if credential.facts.expires.is_some_and(|end| end <= self.now) {
            let why = ("Expired", "the certificate has expired");
            return Box::pin(aftermath::pause(self, active, credential, why)).await;
        }
        self.send(active, credential).await
    }

    async fn send(self, active: &ActiveSlot, of: &Credential) -> Result<Outcome, Trouble> {
        let client = match self.deps.clients.of(&self.deps.vault, of, self.now).await {
            Ok(client) => client,
            Err(Unusable::Material) => {
                let why = (
                    "NoMaterial",
                    "the credential's material is missing or unreadable",
                );
                return Box::pin(aftermath::pause(self, active, of, why)).await;
            }
            Err(error @ Unusable::Vault(_)) => {
                let say = chain(&error);
                return self.again(Duration::from_secs(10), say).await;
            }
        };
        let order = Order {
            push: &self.message.push,
            platform: self.message.device.slot.platform(),
            token: &self.message.device.token,
            id: self.id(),
            accepted: self.message.accepted,
        };
        let answer = client.send(&order, Mode::Send, self.now, DEADLINE).await;
        match answer {
            Ok(answer) => aftermath::conclude(self, active, of, &answer).await,
            Err(unbuildable) => self.unbuildable(&unbuildable).await,
        }
    }

    /// The same for each try of this push to this device: `apns-id`.
    fn id(&self) -> MessageId {
        let name = format!(
            "{}\n{}\n{}\n{}",
            self.message.network, self.message.event, self.message.user, self.message.device.id
        );
        let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let mut id = [0; 16];
        id.copy_from_slice(digest.split_at(16).0);
        MessageId::from_bytes(id)
    }

    /// How it ended, if it did. If not, and tries were recorded whose follow-up may have been lost,
    /// this is the next of them.
    async fn settled_before(&mut self) -> Result<Option<Ended>, Trouble> {
        let message = &self.message;
        let (network, event) = (&message.network, &message.event);
        let (user, device) = (&message.user, &message.device.id);
        let found = self.deps.store.push_record(network, event, user, device);
        let found = Box::pin(found).await?;
        // Kept for as long as the event is; gone, it is too late anyway.
        let Some(record) = found else {
            return Ok(Some(Ended::default()));
        };
        self.message.attempt = message.attempt.max(record.attempts.saturating_add(1));
        Ok(match record.state {
            PushState::Pending | PushState::Held => None,
            PushState::Sent => Some(Ended {
                sent: Some(record.at),
            }),
            PushState::Gated | PushState::Collapsed | PushState::Dead => Some(Ended::default()),
        })
    }

    /// Whether it was refused to this activation of the credential before, as a wrong credential's
    /// would be: of one that is paused only another activation makes it try again.
    pub(crate) fn was_doubted(&self, active: &ActiveSlot) -> bool {
        let held = self.message.held;
        held.is_some_and(|held| held.version == active.version)
    }

    /// Whether the user still has the device; if so, it is addressed as it is registered now.
    async fn is_still_theirs(&mut self) -> Result<bool, Trouble> {
        let (network, user) = (&self.message.network, &self.message.user);
        let devices = Box::pin(self.deps.store.recipient(network, user)).await?;
        let mut devices = devices.recipient.devices.into_iter();
        let found = devices.find(|device| device.id == self.message.device.id);
        let Some(device) = found else {
            return Ok(false);
        };
        if device.slot != self.message.device.slot {
            // Another credential's activations are counted there.
            self.message.held = None;
        }
        self.message.device = device;
        Ok(true)
    }

    /// A first try is made whatever its time to live: 0 is one try.
    fn is_over(&self) -> bool {
        let waited = self.message.attempt > 1 || self.message.held.is_some();
        let end = self
            .message
            .push
            .ttl
            .map(|ttl| self.message.accepted.after(ttl));
        waited && end.is_some_and(|end| end <= self.now)
    }

    async fn unbuildable(self, why: &Unbuildable) -> Result<Outcome, Trouble> {
        let say = format!("{}: the push {why}", why.rule());
        self.dead(say).await
    }

    pub(crate) async fn gated(self, trail: Trail) -> Result<Outcome, Trouble> {
        let say = trail.stop().map(|ground| ground.explanation().to_owned());
        self.settle(PushState::Gated, trail, self.made(), say)
            .await?;
        Ok(Outcome::Gated)
    }

    pub(crate) async fn dead(self, say: String) -> Result<Outcome, Trouble> {
        aftermath::died(&self, &say);
        let trail = self.message.trail.clone();
        self.settle(PushState::Dead, trail, self.message.attempt, Some(say))
            .await?;
        Ok(Outcome::Dead)
    }

    pub(crate) async fn sent(&self, answer: &Answer) -> Result<(), Trouble> {
        let id = answer.provider_id.as_deref().unwrap_or("no id");
        let say = format!("{} ({id})", answer.meaning);
        let trail = self.message.trail.clone();
        self.settle(PushState::Sent, trail, self.message.attempt, Some(say))
            .await
    }

    /// Tries again after a while, for a day.
    pub(crate) async fn again(self, after: Duration, say: String) -> Result<Outcome, Trouble> {
        const LONGEST: Duration = Duration::from_secs(24 * 3600);
        if self.now.since(self.message.accepted) > LONGEST {
            return self
                .dead(format!("given up after a day of trouble: {say}"))
                .await;
        }
        let trail = self.message.trail.clone();
        let attempt = self.message.attempt;
        self.settle(PushState::Pending, trail, attempt, Some(say))
            .await?;
        // Longer with each try, and a little apart, so that a crowd does not come back as one.
        let longer = after.saturating_mul(1 << attempt.saturating_sub(1).min(6));
        let longer = longer.min(MAX_DELAY).max(after);
        let jitter = longer.mul_f64(self.deps.platform.random.fraction() * 0.1);
        let at = self.now.after(longer.saturating_add(jitter));
        Ok(Outcome::Later(Box::new(Later {
            at,
            message: PushMessage {
                attempt: attempt.saturating_add(1),
                // The message this one follows may come again, and be followed again.
                repeated: true,
                held: None,
                // A queue delays for less.
                not_before: (longer > MAX_DELAY).then_some(at),
                ..self.message
            },
            state: PushState::Pending,
        })))
    }

    /// Waits as long as the provider asked to. A look is no try.
    fn wait(self, at: Timestamp) -> Outcome {
        Outcome::Later(Box::new(Later {
            at,
            message: PushMessage {
                repeated: true,
                ..self.message
            },
            state: PushState::Pending,
        }))
    }

    /// Waits for a better credential, for a week. A look is no try, and recorded only when what it
    /// waits for has changed since the last.
    pub(crate) async fn hold(
        self,
        active: &ActiveSlot,
        why: HeldFor,
        say: String,
    ) -> Result<Outcome, Trouble> {
        if self.now.since(self.message.accepted) > LONGEST_HOLD {
            return self.dead(format!("given up after a week: {say}")).await;
        }
        let before = self.message.held;
        let held = Held {
            times: before.map_or(0, |held| held.times).saturating_add(1),
            version: active.version,
            why: Some(why),
        };
        if before.is_none_or(|before| (before.version, before.why) != (held.version, held.why)) {
            let trail = self.message.trail.revised(Ground::CredentialPaused);
            self.settle(PushState::Held, trail, self.made(), Some(say))
                .await?;
        }
        let wait = next_look(self.now.since(self.message.accepted));
        Ok(Outcome::Later(Box::new(Later {
            at: self.now.after(wait),
            message: PushMessage {
                held: Some(held),
                repeated: true,
                ..self.message
            },
            state: PushState::Held,
        })))
    }

    /// Tries that were made before this one.
    fn made(&self) -> u32 {
        self.message.attempt.saturating_sub(1)
    }

    async fn settle(
        &self,
        state: PushState,
        trail: Trail,
        attempts: u32,
        explanation: Option<String>,
    ) -> Result<(), Trouble> {
        let record = PushRecord {
            user: self.message.user.clone(),
            device: Some(self.message.device.id.clone()),
            state,
            trail,
            attempts,
            explanation,
            at: self.now,
        };
        let (network, event) = (&self.message.network, &self.message.event);
        // Refused, another receive of the same message was first and has said the same.
        let settled = self.deps.store.settle_push(network, event, &record);
        Box::pin(settled).await?;
        Ok(())
    }
}

/// Told of a push whose token was refused as a wrong credential's would be.
pub(crate) const DOUBT: &str = "the provider does not take the token from this credential, which has not reached enough phones to tell whether token or credential is wrong; nothing is deleted, and the push waits";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_pushes_are_looked_at_at_once_within_a_minute_for_a_day_and_then_seldom() {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        for (waited, next) in [
            (0, 5),
            (MINUTE, 5),
            (10 * MINUTE, 30),
            (20 * MINUTE, 60),
            (100 * MINUTE, 60),
            (DAY - 1, 60),
            (DAY, 300),
            (7 * DAY, 300),
        ] {
            let told = next_look(Duration::from_secs(waited));
            assert_eq!(told, Duration::from_secs(next), "after {waited} s");
        }
    }
}
