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

use crate::before::Before;
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
    let before = Before::read(job, person).await?;
    if let Some(record) = before.of_person() {
        return stands(job, person, record).await;
    }
    let mut owed = Owed::default();
    before.give_up_gone(job, person).await?;
    if job.push.audience == "everyone" && person.devices.is_empty() {
        return Ok(owed);
    }
    owed.counts.people = 1;
    let devices = match ask(job, person) {
        Answered::Stopped(trail) if before.let_pass() => before.trails(person, &trail),
        Answered::Stopped(trail) => {
            record(job, person, None, PushState::Gated, trail, None).await?;
            owed.counts.gated = 1;
            return Ok(owed);
        }
        Answered::Devices(devices) => devices,
    };
    let passes = devices.iter().any(|(_, trail)| trail.stop().is_none());
    // What shows nothing disturbs nobody.
    if passes && !job.push.content.silent && !before.let_pass() {
        let name = job.push.content.name(&job.push.event_type);
        let rate = job.network.settings.throttle;
        let taken = job
            .deps
            .store
            .take_push(&job.message.network, &person.user, name, rate, job.now)
            .await?;
        if let Burst::Collapsed { until } = taken {
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
            // Before it is counted, so that whoever is here again knows that it was kept back.
            record(job, person, None, PushState::Collapsed, trail, Some(say)).await?;
            return keep_back(job, person, until).await;
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

/// What was decided for the person as a whole stands, whatever the gates or the person's bucket would
/// say now.
async fn stands(job: &Job<'_>, person: &Recipient, record: &PushRecord) -> Result<Owed, Error> {
    if record.state == PushState::Collapsed {
        // Whether it was counted nobody knows: better once more than never.
        let until = job.now.after(job.network.settings.throttle.per);
        return keep_back(job, person, until).await;
    }
    let mut owed = Owed::default();
    (owed.counts.people, owed.counts.gated) = (1, 1);
    Ok(owed)
}

/// Counts a push that was kept back, and sends for the summary if it is the first.
async fn keep_back(job: &Job<'_>, person: &Recipient, until: Timestamp) -> Result<Owed, Error> {
    let name = job.push.content.name(&job.push.event_type);
    let (network, event) = (&job.message.network, &job.message.event);
    let store = &job.deps.store;
    let first = store.count_collapsed(network, &person.user, name, event, job.now);
    let first = first.await?;
    let mut owed = Owed::default();
    (owed.counts.people, owed.counts.collapsed) = (1, 1);
    owed.summary = first.then(|| send_for_summary(job, person, name, until));
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
        not_before: None,
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
        repeated: false,
        resent: 0,
        ..job.message.clone()
    };
    outgoing(&message, until.since(job.now))
}
