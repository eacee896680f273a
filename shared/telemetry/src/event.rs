//! Every observable event. Field names are the log's and the metrics' names.

use serde::Serialize;

use crate::{Event, Level, Unit};

macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $level:ident $name:ident { $($field:ident : $type:ty),* $(,)? }
        $(metrics { $($metric:ident : $unit:ident),* })?
        $(by { $($dimension:ident),* })?;
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize)]
        #[expect(missing_docs, reason = "field names are the log's names; the event's doc says what it is")]
        pub struct $name { $(pub $field: $type),* }

        impl Event for $name {
            const NAME: &'static str = stringify!($name);
            const LEVEL: Level = Level::$level;
            $(const METRICS: &'static [(&'static str, Unit)] = &[$((stringify!($metric), Unit::$unit)),*];)?
            $(const DIMENSIONS: &'static [&'static str] = &[$(stringify!($dimension)),*];)?
        }
    )*};
}

events! {
    /// An API call was answered.
    Info RequestAnswered { operation: &'static str, request_id: String, status: u16, problem: Option<&'static str>, duration_ms: u64 }
        metrics { duration_ms: Milliseconds } by { operation };

    /// An API call failed for a reason of ours; the caller saw only `internal`.
    Error RequestFailed { operation: &'static str, request_id: Option<String>, error: String };

    /// A key was refused.
    Info KeyRefused { reason: &'static str, key_id: Option<String>, keys_refused: u32 }
        metrics { keys_refused: Count };

    /// A network's push settings have a new version; `enabled` is the master toggle.
    Info PushSettingsChanged { network: String, version: u64, enabled: bool, repeats: Option<u64> };

    /// An uploaded push credential was judged; `refused_for` holds the verdicts, empty when taken.
    Info CertificateJudged { network: String, refused_for: String };

    /// Pushes of a slot are sent with this credential from now on.
    Info CertificateActivated { network: String, certificate_id: String, slot: String, version: u64 };

    /// A push credential, or the certificate of a receiver, ends within `threshold_days`.
    Warn CertificateExpiring { network: String, what: &'static str, id: String, ends_at: String, threshold_days: u32, certificates_expiring: u32 }
        metrics { certificates_expiring: Count };

    /// Everything that ends was looked at; `days_to_expiry` is the time left of what ends first.
    Info ExpiryChecked { watched: u32, warned: u32, keys_removed: u32, days_to_expiry: u64 }
        metrics { days_to_expiry: Count };

    /// How long a push credential is good; negative once it is over. A network has at most a hundred.
    Info CredentialChecked { network: String, credential_id: String, credential_days_to_expiry: i64 }
        metrics { credential_days_to_expiry: Count } by { network, credential_id };

    /// Something that ends could not be looked at.
    Error ExpiryCheckFailed { error: String };

    /// A batch of events was fanned out.
    Info BatchFannedOut { events: u32, duplicates: u32, deliveries: u32, duration_ms: u64 }
        metrics { events: Count, duplicates: Count, deliveries: Count };

    /// A second, different message carried the id of an event already taken.
    Info DuplicateEventDropped { network: String, event_id: String };

    /// A batch of deliveries was attempted. `parked` wait for their endpoint to be enabled, `stale` were already settled by another attempt, `moved` went on to the slow queue.
    Info BatchDispatched { delivered: u32, retried: u32, dead: u32, parked: u32, stale: u32, moved: u32, duration_ms: u64 }
        metrics { delivered: Count, retried: Count, parked: Count, stale: Count, moved: Count };

    /// An endpoint's answers take long, so its webhooks go through the slow queue for as long as they do.
    Warn EndpointSlow { network: String, endpoint_id: String, endpoints_slow: u32 }
        metrics { endpoints_slow: Count };

    /// A delivery waits for its endpoint: its breaker is open, or a limit is reached.
    Info DeliveryPostponed { network: String, delivery_id: String, reason: &'static str, wait_ms: u64, postponed: u32 }
        metrics { postponed: Count } by { reason };

    /// Fanfare disabled an endpoint; what is owed to it is kept.
    Warn EndpointDisabled { network: String, endpoint_id: String, reason: String, endpoints_disabled: u32 }
        metrics { endpoints_disabled: Count };

    /// An endpoint's health changed.
    Info EndpointHealthChanged { network: String, endpoint_id: String, change: &'static str };

    /// Something beside a delivery could not be written or reported; the delivery itself is recorded.
    Warn AftermathFailed { network: String, endpoint_id: String, what: &'static str, error: String, aftermath_failed: u32 }
        metrics { aftermath_failed: Count };

    /// An attempt failed and another will follow.
    Info AttemptFailed { network: String, delivery_id: String, attempt: u32, reason: String, retry_in_ms: u64 };

    /// The last attempt failed, or no attempt could be made for hours: a dead letter.
    Warn DeliveryDied { network: String, delivery_id: String, attempts: u32, reason: String, dead: u32 }
        metrics { dead: Count };

    /// A delivery was given up without its last attempt, e.g. because its endpoint was deleted.
    Info DeliveryAbandoned { network: String, delivery_id: String, reason: String };

    /// Messages of a delivery kept failing without an attempt, and it was made due again.
    Error DeliveryRescued { network: String, delivery_id: String, attempt: u32, times: u32, rescued: u32 }
        metrics { rescued: Count };

    /// An event could not be fanned out for long, and was sent back to its queue.
    Error EventResent { network: String, event_id: String, times: u32, resent: u32 }
        metrics { resent: Count };

    /// An attempt was made and its result could not be written; it may be made again.
    Warn ResultLost { network: String, delivery_id: String, attempt: u32, results_lost: u32 }
        metrics { results_lost: Count };

    /// Accepted and standing deliveries of some hours were compared.
    Info ConservationChecked { networks: u32, events: u64, accepted: u64, conservation_unchecked: u64, conservation_mismatches: u64, duration_ms: u64 }
        metrics { conservation_mismatches: Count, conservation_unchecked: Count };

    /// An accepted delivery, or a whole event when no delivery is named, has no record.
    Error DeliveryLost { network: String, event_id: String, delivery_id: Option<String> };

    /// A replay job worked on a page; `found` counts all pages so far.
    Info ReplayAdvanced { network: String, replay_id: String, state: &'static str, found: u64, replayed: u64, skipped: u64 }
        metrics { replayed: Count };

    /// A replay job cannot go on: its endpoint is gone or disabled, or Fanfare failed at it.
    Error ReplayFailed { network: String, replay_id: String, reason: String, replays_failed: u32 }
        metrics { replays_failed: Count };

    /// A message that can never succeed became a visible record.
    Error MessageQuarantined { queue: &'static str, message_id: String, reason: &'static str, quarantined: u32 }
        metrics { quarantined: Count };

    /// One record of a batch failed and will be received again.
    Warn RecordFailed { queue: &'static str, message_id: String, error: String, records_failed: u32 }
        metrics { records_failed: Count } by { queue };

    /// Pages of people were asked the gates for. `people` counts them, `pushes_gated` the stops.
    Info AudiencesWorked { people: u64, pushes_owed: u64, pushes_gated: u64, pushes_collapsed: u64, duration_ms: u64 }
        metrics { people: Count, pushes_owed: Count, pushes_gated: Count, pushes_collapsed: Count };

    /// A batch of pushes was tried. `pushes_stopped` by a gate after they were queued.
    Info PushesDispatched { pushes_sent: u32, pushes_retried: u32, pushes_held: u32, pushes_stopped: u32, pushes_dead: u32, pushes_stale: u32, duration_ms: u64 }
        metrics { pushes_sent: Count, pushes_retried: Count, pushes_held: Count, pushes_stopped: Count, pushes_dead: Count };

    /// A push was given up.
    Warn PushDied { network: String, event_id: String, provider: &'static str, attempts: u32, reason: String };

    /// A dead token's device was removed.
    Info DeviceRemoved { network: String, provider: &'static str, reason: String, devices_removed: u32 }
        metrics { devices_removed: Count };

    /// A provider refuses a credential: it sends nothing until another is activated.
    Error CredentialPaused { network: String, credential_id: String, reason: String, credentials_paused: u32 }
        metrics { credentials_paused: Count };

    /// A push got through where a credential was refused before.
    Info CredentialRecovered { network: String, credential_id: String, credentials_recovered: u32 }
        metrics { credentials_recovered: Count };

    /// A new credential refuses tokens: it may be the wrong one, so none is deleted.
    Error TokensGuarded { network: String, credential_id: String, tokens_guarded: u64 }
        metrics { tokens_guarded: Count };

    /// News about pushes could not be queued for those who subscribed.
    Warn PushNewsFailed { network: String, news: &'static str, error: String };

    /// A page of people or a push kept failing and was sent back to its queue.
    Error PushResent { network: String, event_id: String, times: u32, pushes_resent: u32 }
        metrics { pushes_resent: Count };

    /// The sweep put due deliveries back on the queue. `unswept` could not be, and are tried again by the next sweep.
    Info SweepFinished { enqueued: u32, gone: u32, unswept: u32, duration_ms: u64 }
        metrics { enqueued: Count, unswept: Count };

    /// The sweep could not read a part of the due index.
    Error SweepFailed { error: String };
}
