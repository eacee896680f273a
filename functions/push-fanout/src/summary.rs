//! What a burst left over, as one push.

use domain::push::device::UserId;
use domain::push::render::summary;

use crate::before::Before;
use crate::page::{Counts, Error, Job, send};
use crate::person::{Answered, ask, owe, shown};

/// Sends the person one push for all that was kept back.
pub(crate) async fn summarise(job: &Job<'_>, user: &UserId, name: &str) -> Result<Counts, Error> {
    let (store, network) = (&job.deps.store, &job.message.network);
    let mut count = 0;
    loop {
        let now = store.collapsed(network, user, name).await?;
        // Settled by us, if the table's answer to that was lost.
        if now == 0 && count == 0 && !job.repeated {
            return Ok(Counts::default());
        }
        if now == 0 {
            break;
        }
        count = now;
        // More may have come in between; then they are counted in.
        if store.settle_collapsed(network, user, name, count).await? {
            break;
        }
    }
    // Settled by an earlier receive, which may have ended before the summary was queued: its
    // records keep it from being sent twice.
    let person = store.recipient(network, user).await?.recipient;
    let mut counts = Counts::default();
    let before = Before::read(job, &person).await?;
    before.give_up_gone(job, &person).await?;
    // What stops a push now stops its summary, unless it was owed before; each collapsed push has its
    // record.
    let devices = match ask(job, &person) {
        Answered::Devices(devices) => devices,
        Answered::Stopped(trail) => before.trails(&person, &trail),
    };
    let mut pushes = Vec::new();
    for (device, trail) in devices {
        if trail.stop().is_none() {
            let push = summary(shown(job, &device), count.max(1));
            pushes.extend(owe(job, &person, device, trail, push).await?);
        }
    }
    counts.owed = u64::try_from(pushes.len()).unwrap_or(u64::MAX);
    send(&job.deps.pushes, &pushes).await?;
    Ok(counts)
}
