use domain::credential::{days_left, warning_due};
use domain::id::EventId;
use domain::operational::News;
use domain::time::Timestamp;
use queue::{Outgoing, SendError};
use serde_json::json;
use store::{Dated, Watch};
use telemetry::chain::chain;
use telemetry::event::CertificateExpiring;

use crate::Deps;

/// Why something could not be looked at.
#[derive(Debug)]
pub struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl From<store::Error> for Failed {
    fn from(error: store::Error) -> Self {
        Self(chain(&error))
    }
}

impl From<vault::Error> for Failed {
    fn from(error: vault::Error) -> Self {
        Self(chain(&error))
    }
}

impl From<SendError> for Failed {
    fn from(error: SendError) -> Self {
        Self(chain(&error))
    }
}

/// Warns of one end if it is time to. Whether it was.
pub(crate) async fn warn(deps: &Deps, watch: &Watch, now: Timestamp) -> Result<bool, Failed> {
    // The index lags behind: what it says is asked again.
    let Some(warned) = deps.store.expiry_warned(watch).await? else {
        return Ok(false);
    };
    let Some(days) = warning_due(watch.ends, now, warned) else {
        return Ok(false);
    };
    let Some(news) = news(deps, watch, days, now).await? else {
        deps.store
            .forget_expiry(&watch.network, watch.subject)
            .await?;
        return Ok(false);
    };
    let outgoing = Outgoing::news(&watch.network, &event_id(watch, days), &news, now);
    for sent in deps.events.send(&[outgoing]).await {
        sent?;
    }
    let (what, id) = subject(watch);
    let event = CertificateExpiring {
        network: watch.network.to_string(),
        what,
        id,
        ends_at: watch.ends.to_string(),
        threshold_days: u32::from(days),
        certificates_expiring: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
    deps.store.note_expiry_warning(watch, days).await?;
    Ok(true)
}

/// The same for every try of the same warning.
fn event_id(watch: &Watch, days: u16) -> EventId {
    let (_, id) = subject(watch);
    EventId::of_message(watch.ends, &format!("{id} {days}"))
}

/// What ends, and its id.
fn subject(watch: &Watch) -> (&'static str, String) {
    match watch.subject {
        Dated::Credential(id) => ("credential", id.to_string()),
        Dated::Endpoint(id) => ("endpoint", id.to_string()),
    }
}

/// What is told; `None` when what ends is gone.
async fn news(
    deps: &Deps,
    watch: &Watch,
    days: u16,
    now: Timestamp,
) -> Result<Option<News>, Failed> {
    let more = json!({
        "expiresAt": watch.ends.to_string(),
        "daysToExpiry": days_left(watch.ends, now),
        "thresholdDays": days,
    });
    match watch.subject {
        Dated::Endpoint(id) => {
            let endpoint = deps.store.endpoint(&watch.network, id).await?;
            Ok(
                endpoint
                    .map(|endpoint| News::of("endpoint.certificate-expiring", &endpoint, &more)),
            )
        }
        Dated::Credential(id) => {
            let stored = deps.store.credentials(&watch.network).await?;
            let Some(record) = stored.records.iter().find(|record| record.id == id) else {
                return Ok(None);
            };
            let active = stored.active.iter().any(|active| active.credential == id);
            let mut data = json!({
                "certificateId": id.to_string(),
                "name": record.name,
                "platform": record.slot.platform().word(),
                "provider": record.slot.provider().word(),
                "environment": record.slot.environment().word(),
                "bundleId": record.facts.bundle_id,
                "active": active,
            });
            if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
                data.extend(more.clone());
            }
            Ok(Some(News::push("credential.expiring", data)))
        }
    }
}
