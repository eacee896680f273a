//! One page of people.

use std::time::Duration;

use domain::push::device::UserId;
use domain::push::preference::{Mode, Recipient};
use domain::time::Timestamp;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use queue::push::{AudienceMessage, People};
use queue::{Outgoing, Queue, Record, SendError};
use set_aside::Source;
use store::{MAX_BATCH, StoredPush, Walk, WalkPage, WalkStep};

use crate::Deps;
use crate::network::Network;
use crate::person::{Owed, decide_for};
use crate::summary::summarise;

/// People of one page: as many as one batch read takes.
const PAGE: i32 = 100;

/// People worked on at the same time; each is a few small writes.
const IN_FLIGHT: usize = 32;

/// Why a page could not be worked on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("version {0} of the push settings breaks a rule of this release")]
    Settings(u64),
}

/// What pages came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) people: u64,
    pub(crate) owed: u64,
    pub(crate) gated: u64,
    pub(crate) collapsed: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.people += other.people;
        self.owed += other.owed;
        self.gated += other.gated;
        self.collapsed += other.collapsed;
    }
}

/// Everything about a push that does not depend on the person.
pub(crate) struct Job<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) message: &'a AudienceMessage,
    pub(crate) push: &'a StoredPush,
    pub(crate) network: &'a Network,
    pub(crate) mode: Mode,
    pub(crate) now: Timestamp,
    /// The page may have been worked on before.
    pub(crate) repeated: bool,
}

pub(crate) async fn work(deps: &Deps, record: &Record) -> Result<Counts, Error> {
    let message = match AudienceMessage::read(&record.body) {
        Ok(message) => message,
        Err(malformed) => {
            let from = (Source::Audiences, record);
            set_aside::unreadable(&deps.platform, &deps.store, from, &malformed).await?;
            return Ok(Counts::default());
        }
    };
    let now = deps.platform.clock.now();
    let (network, event) = (&message.network, &message.event);
    // Kept for as long as the event is; gone, there is nothing left to tell anybody.
    let Some(push) = deps.store.push(network, event).await? else {
        return Ok(Counts::default());
    };
    let known = deps
        .networks
        .get_or(network, now, || Network::read(&deps.store, network))
        .await?;
    let mode = match &push.content.place {
        Some(place) => deps.store.place_mode(network, place).await?,
        None => Mode::default(),
    };
    let job = Job {
        deps,
        message: &message,
        push: &push,
        network: &known,
        mode,
        now,
        repeated: message.repeated || record.receive_count > 1,
    };
    match &message.people {
        People::Summary { user, name } => summarise(&job, user, name).await,
        People::Named { page, users } => {
            let people = deps.store.recipients(network, users).await?;
            let counts = tell(&job, people).await?;
            count(&job, *page, 0, None, counts).await?;
            Ok(counts)
        }
        People::Walk { shard, page, after } => {
            if let Some(walk) = counted_before(&job, *shard, *page).await? {
                go_on(&job, *shard, *page, walk.after(*page), true).await?;
                return Ok(Counts::default());
            }
            let (people, next) = walk(&job, *shard, after.as_ref()).await?;
            let counts = tell(&job, people).await?;
            // In this order, so that whoever finds a page counted knows that its pushes are queued.
            let (next, repeated) = match count(&job, *shard, *page, next.clone(), counts).await? {
                WalkStep::Counted => (next, job.repeated),
                WalkStep::Before(walk) => (walk.after(*page), true),
            };
            go_on(&job, *shard, *page, next, repeated).await?;
            Ok(counts)
        }
    }
}

/// How far the walk has come, if an earlier receive of the page finished it: its people are those whom
/// that one met, whoever came or went since. It may have ended before it sent for the next page.
async fn counted_before(job: &Job<'_>, shard: u8, page: u32) -> Result<Option<Walk>, Error> {
    if !job.repeated {
        return Ok(None);
    }
    let (network, event) = (&job.message.network, &job.message.event);
    let walk = job.deps.store.walk(network, event, shard).await?;
    Ok(walk.filter(|walk| walk.pages > page))
}

/// The next people of a partition, and after whom it goes on.
async fn walk(
    job: &Job<'_>,
    shard: u8,
    after: Option<&UserId>,
) -> Result<(Vec<Recipient>, Option<UserId>), Error> {
    let (store, network) = (&job.deps.store, &job.message.network);
    let subscribers = job.push.audience == "subscribers";
    let Some(place) = job.push.content.place.as_ref().filter(|_| subscribers) else {
        let mut page = store.walk_users(network, shard, after, PAGE).await?;
        // Who had a device when this page was worked on before may be owed something still.
        let people = &mut page.recipients;
        people.retain(|person| job.repeated || !person.devices.is_empty());
        return Ok((page.recipients, page.next));
    };
    let page = store
        .walk_subscribers(network, place, shard, after, PAGE)
        .await?;
    if !job.repeated {
        return Ok((store.recipients(network, &page.users).await?, page.next));
    }
    // Who unsubscribed since this page was worked on before may be owed something still.
    let between = (after, page.next.as_ref());
    let event = &job.message.event;
    let mut users = store
        .pushed_subscribers(network, event, shard, between)
        .await?;
    users.extend(page.users);
    let users: Vec<_> = users.into_iter().collect();
    let mut people = Vec::new();
    for users in users.chunks(MAX_BATCH) {
        people.extend(store.recipients(network, users).await?);
    }
    Ok((people, page.next))
}

/// Asks the gates for each, records what they say, and queues what passes.
async fn tell(job: &Job<'_>, people: Vec<Recipient>) -> Result<Counts, Error> {
    let each = people.iter().map(|person| decide_for(job, person));
    let told: Vec<Owed> = stream::iter(each.collect::<Vec<_>>())
        .buffered(IN_FLIGHT)
        .try_collect()
        .await?;
    let mut counts = Counts::default();
    let (mut pushes, mut summaries) = (Vec::new(), Vec::new());
    for owed in told {
        counts.add(owed.counts);
        pushes.extend(owed.pushes);
        summaries.extend(owed.summary);
    }
    send(&job.deps.pushes, &pushes).await?;
    send(&job.deps.audiences, &summaries).await?;
    Ok(counts)
}

/// Sends for the next page, if there is one. A page's edge moves when people come and go, so the next
/// after a repeated one may have people who were on that one before: it is `repeated` as well.
async fn go_on(
    job: &Job<'_>,
    shard: u8,
    page: u32,
    next: Option<UserId>,
    repeated: bool,
) -> Result<(), Error> {
    let Some(after) = next else {
        return Ok(());
    };
    let message = AudienceMessage {
        people: People::Walk {
            shard,
            page: page.saturating_add(1),
            after: Some(after),
        },
        repeated,
        resent: 0,
        ..job.message.clone()
    };
    send(&job.deps.audiences, &[outgoing(&message, Duration::ZERO)]).await
}

async fn count(
    job: &Job<'_>,
    shard: u8,
    page: u32,
    next: Option<UserId>,
    counts: Counts,
) -> Result<WalkStep, Error> {
    let done = WalkPage {
        page,
        next,
        users: counts.people,
        owed: counts.owed,
        gated: counts.gated.saturating_add(counts.collapsed),
        at: job.now,
    };
    let (network, event) = (&job.message.network, &job.message.event);
    let accepted = job.push.accepted;
    let step = job
        .deps
        .store
        .count_page(network, event, accepted, shard, &done);
    Ok(step.await?)
}

pub(crate) fn outgoing(message: &AudienceMessage, delay: Duration) -> Outgoing {
    Outgoing {
        body: message.write(),
        group: message.network.to_string(),
        delay,
    }
}

pub(crate) async fn send(queue: &Queue, messages: &[Outgoing]) -> Result<(), Error> {
    for sent in queue.send(messages).await {
        sent?;
    }
    Ok(())
}
