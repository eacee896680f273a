//! One person: what the gates say, and what is owed to their devices.

use std::time::Duration;

use domain::push::device::{Device, DeviceId};
use domain::push::gate::{Question, Trail, decide};
use domain::push::message::Push;
use domain::push::preference::Recipient;
use domain::push::render::render;
use domain::time::Timestamp;
use queue::Outgoing;
use queue::push::{AudienceMessage, People, PushMessage};
use store::{Burst, PushRecord, PushState};

use crate::page::{Counts, Error, Job, outgoing};

/// What one person came to.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    pub(crate) counts: Counts,
    pub(crate) pushes: Vec<Outgoing>,
    /// Sends for the summary of a burst.
    pub(crate) summary: Option<Outgoing>,
}

/// What the gates say of one person's devices.
pub(crate) enum Answered {
    /// None gets it.
    Stopped(Trail),
    /// Each by itself: a device without a credential is stopped.
    Devices(Vec<(Device, Trail)>),
}

/// Asks every gate.
pub(crate) fn ask(job: &Job<'_>, person: &Recipient) -> Answered {
    let content = &job.push.content;
    let question = Question {
        settings: &job.network.settings,
        event: content.notifiable(&job.push.event_type),
        place: content.place.as_ref().map(|place| (place, job.mode)),
        // Who is named is told, whoever did it.
        not_told: content
            .sender
            .as_ref()
            .filter(|_| job.push.audience != "targets"),
        sender_roles: &content.sender_roles,
    };
    let decision = decide(&question, person, |device| {
        job.network.credential(device.slot)
    });
    if decision.trail.stop().is_some() {
        return Answered::Stopped(decision.trail);
    }
    let trail = decision.trail;
    let devices = decision.devices.into_iter();
    Answered::Devices(
        devices
            .map(|(device, ground)| (device, trail.and(ground)))
            .collect(),
    )
}

/// What the device is shown, in its language.
pub(crate) fn shown(job: &Job<'_>, device: &Device) -> Push {
    let content = &job.push.content;
    let event = content.notifiable(&job.push.event_type);
    render(
        &job.network.settings,
        event,
        content,
        device.locale.as_ref(),
    )
}

pub(crate) async fn decide_for(job: &Job<'_>, person: &Recipient) -> Result<Owed, Error> {
    let mut owed = Owed::default();
    owed.counts.people = 1;
    let devices = match ask(job, person) {
        Answered::Stopped(trail) => {
            record(job, person, None, PushState::Gated, trail, None).await?;
            owed.counts.gated = 1;
            return Ok(owed);
        }
        Answered::Devices(devices) => devices,
    };
    let passes = devices.iter().any(|(_, trail)| trail.stop().is_none());
    // What shows nothing disturbs nobody.
    if passes && !job.push.content.silent {
        let name = job.push.content.name(&job.push.event_type);
        let rate = job.network.settings.throttle;
        let taken = job
            .deps
            .store
            .take_push(&job.message.network, &person.user, name, rate, job.now)
            .await?;
        if let Burst::Collapsed { until, first } = taken {
            let trail = devices
                .into_iter()
                .map(|(_, trail)| trail)
                .find(|trail| trail.stop().is_none());
            let say = format!(
                "{} pushes of {name} within {} seconds are enough: this one became part of a summary",
                rate.pushes,
                rate.per.as_secs()
            );
            let trail = trail.unwrap_or_default();
            record(job, person, None, PushState::Collapsed, trail, Some(say)).await?;
            owed.counts.collapsed = 1;
            owed.summary = first.then(|| send_for_summary(job, person, name, until));
            return Ok(owed);
        }
    }
    for (device, trail) in devices {
        if trail.stop().is_some() {
            let id = Some(&device.id);
            record(job, person, id, PushState::Gated, trail, None).await?;
            owed.counts.gated += 1;
            continue;
        }
        let push = shown(job, &device);
        owed.pushes
            .extend(owe(job, person, device, trail, push).await?);
        owed.counts.owed += 1;
    }
    Ok(owed)
}

/// Records that the device is owed a push, and makes its message; `None` when an earlier receive of
/// this page did both, and the push was tried since.
pub(crate) async fn owe(
    job: &Job<'_>,
    person: &Recipient,
    device: Device,
    trail: Trail,
    push: Push,
) -> Result<Option<Outgoing>, Error> {
    let state = PushState::Pending;
    let before = record(job, person, Some(&device.id), state, trail.clone(), None).await?;
    let untouched =
        |record: &PushRecord| record.state == PushState::Pending && record.attempts == 0;
    if before.as_ref().is_some_and(|record| !untouched(record)) {
        return Ok(None);
    }
    let message = PushMessage {
        network: job.message.network.clone(),
        event: job.message.event.clone(),
        accepted: job.push.accepted,
        name: job.push.content.name(&job.push.event_type).to_owned(),
        user: person.user.clone(),
        device,
        attempt: 1,
        // An earlier receive of this page may have queued it.
        repeated: job.repeated || before.is_some(),
        resent: 0,
        trail,
        held: None,
        push,
    };
    Ok(Some(Outgoing {
        body: message.write(),
        group: message.network.to_string(),
        delay: Duration::ZERO,
    }))
}

/// The record that was there before, if there was one.
async fn record(
    job: &Job<'_>,
    person: &Recipient,
    device: Option<&DeviceId>,
    state: PushState,
    trail: Trail,
    explanation: Option<String>,
) -> Result<Option<PushRecord>, Error> {
    let record = PushRecord {
        user: person.user.clone(),
        device: device.cloned(),
        state,
        trail,
        attempts: 0,
        explanation,
        at: job.now,
    };
    let (network, event) = (&job.message.network, &job.message.event);
    let put = job
        .deps
        .store
        .put_push_record(network, event, job.push.accepted, &record);
    Ok(put.await?)
}

fn send_for_summary(job: &Job<'_>, person: &Recipient, name: &str, until: Timestamp) -> Outgoing {
    let message = AudienceMessage {
        people: People::Summary {
            user: person.user.clone(),
            name: name.to_owned(),
        },
        resent: 0,
        ..job.message.clone()
    };
    outgoing(&message, until.since(job.now))
}
