//! What an earlier receive of a page did for a person, before it ended somewhere.

use domain::push::device::{Device, DeviceId};
use domain::push::gate::{Ground, Trail};
use domain::push::preference::Recipient;
use store::{PushRecord, PushState};

use crate::page::{Error, Job};

/// The person's records; none when the page was not worked on before.
pub(crate) struct Before(Vec<PushRecord>);

impl Before {
    pub(crate) async fn read(job: &Job<'_>, person: &Recipient) -> Result<Self, Error> {
        if !job.repeated {
            return Ok(Self(Vec::new()));
        }
        let (network, event) = (&job.message.network, &job.message.event);
        let records = job.deps.store.user_pushes(network, event, &person.user);
        Ok(Self(records.await?))
    }

    /// What was decided for the person as a whole.
    pub(crate) fn of_person(&self) -> Option<&PushRecord> {
        self.0.iter().find(|record| record.device.is_none())
    }

    /// Whether gates and bucket let the push pass to the person's devices: it is owed since.
    pub(crate) fn let_pass(&self) -> bool {
        !self.0.is_empty()
    }

    /// The devices of a person whom the gates would stop now: those that are owed the push stay so,
    /// as long as dispatch agrees; the others are stopped.
    pub(crate) fn trails(&self, person: &Recipient, stopped: &Trail) -> Vec<(Device, Trail)> {
        let devices = person.devices.iter().cloned();
        let trail = |device: &Device| self.of_device(&device.id).map(|record| &record.trail);
        devices
            .map(|device| {
                let trail = trail(&device).unwrap_or(stopped).clone();
                (device, trail)
            })
            .collect()
    }

    fn of_device(&self, id: &DeviceId) -> Option<&PushRecord> {
        self.0
            .iter()
            .find(|record| record.device.as_ref() == Some(id))
    }

    /// Ends what is owed to devices that are not the person's any more: no message may ever come
    /// for it.
    pub(crate) async fn give_up_gone(
        &self,
        job: &Job<'_>,
        person: &Recipient,
    ) -> Result<(), Error> {
        let owned = |id: &DeviceId| person.devices.iter().any(|device| device.id == *id);
        let gone = self.0.iter().filter(|record| {
            let owed = record.state == PushState::Pending && record.attempts == 0;
            owed && record.device.as_ref().is_some_and(|id| !owned(id))
        });
        for record in gone {
            let ground = Ground::DeviceGone;
            let ended = PushRecord {
                state: PushState::Gated,
                trail: record.trail.revised(ground),
                explanation: Some(ground.explanation().to_owned()),
                at: job.now,
                ..record.clone()
            };
            let (network, event) = (&job.message.network, &job.message.event);
            // Refused, its message came after all.
            job.deps.store.settle_push(network, event, &ended).await?;
        }
        Ok(())
    }
}
