//! Active slots, and how the credentials in them are doing.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::credential::{Record, Slot};
use domain::id::{CredentialId, EventId, NetworkId};
use domain::operational::{News, TYPES};
use domain::time::Timestamp;
use serde_json::Value;

use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::{Error, Store};

/// The credential that is active in a slot, and how it is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveSlot {
    /// Where.
    pub slot: Slot,
    /// Which credential.
    pub credential: CredentialId,
    /// The one to roll back to.
    pub previous: Option<CredentialId>,
    /// From 1; grows with each activation.
    pub version: u64,
    /// When it was activated.
    pub since: Timestamp,
    /// Why it sends nothing, if so.
    pub paused: Option<Paused>,
    /// What the slot was paused for before this activation, until a push gets through and shows that
    /// it is over.
    pub recovering: Option<Paused>,
    /// Phones known to have been reached since it was activated; counted only as far as it matters.
    pub delivered: u64,
    /// Tokens refused in a way that a wrong credential would be refused too.
    pub suspects: u64,
    /// Whether its owner is told, or owed the news, that it may be the wrong one.
    pub guarded: bool,
    /// What became of it and nobody has been told of yet, oldest first; activations leave it.
    pub owed: Vec<Owed>,
}

/// News that is written down in the same step as what it tells of, until it is told: whoever dies in
/// between leaves it to the next one who looks, who tells it under the same id.
#[derive(Debug, Clone, PartialEq)]
pub struct Owed {
    /// The event that it is.
    pub id: EventId,
    /// What happened.
    pub news: News,
    /// When.
    pub at: Timestamp,
}

/// A provider refuses a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// The provider's word.
    pub reason: String,
    /// The same, in words.
    pub explanation: String,
    /// Since when.
    pub at: Timestamp,
}

impl Store {
    /// Pauses the credential that was activated as `version`, and owes the news of it. `false` when it
    /// was paused before, or another is active by now.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn pause_slot(
        &self,
        network: &NetworkId,
        slot: Slot,
        version: u64,
        (why, news): (&Paused, &Owed),
    ) -> Result<bool, Error> {
        let update = self
            .update(&Key::slot(network, slot))
            .update_expression(
                "SET pausedFor = :reason, pausedSay = :say, pausedAt = :at, #owed = :news",
            )
            // The race: a good one is activated while the old one's answers still come in.
            .condition_expression("version = :version AND attribute_not_exists(pausedAt)")
            .expression_attribute_values(":reason", s(&why.reason))
            .expression_attribute_values(":say", s(&why.explanation))
            .expression_attribute_values(":at", n(why.at.millis()))
            .expression_attribute_values(":version", n(version));
        owing(update, news, "pausing a credential").await
    }

    /// A push got through with the credential that was activated as `version`: the slot has recovered,
    /// and owes the news of it. `false` when that was known before, or another is active by now.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn recover_slot(
        &self,
        network: &NetworkId,
        slot: Slot,
        version: u64,
        news: &Owed,
    ) -> Result<bool, Error> {
        let update = self
            .update(&Key::slot(network, slot))
            .update_expression(
                "SET #owed = :news REMOVE recoveringFor, recoveringSay, recoveringAt",
            )
            // The race: the pushes that waited get through together.
            .condition_expression("version = :version AND attribute_exists(recoveringAt)")
            .expression_attribute_values(":version", n(version));
        owing(update, news, "recording that a credential works").await
    }

    /// The credential that was activated as `version` may be the wrong one: the slot owes the news of
    /// it. `false` when it did or was told before, or another is active by now.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn guard_slot(
        &self,
        network: &NetworkId,
        slot: Slot,
        version: u64,
        news: &Owed,
    ) -> Result<bool, Error> {
        let update = self
            .update(&Key::slot(network, slot))
            .update_expression("SET guardedAt = :at, #owed = :news")
            // The race: the pushes whose tokens are refused are many, and at work together.
            .condition_expression("version = :version AND attribute_not_exists(guardedAt)")
            .expression_attribute_values(":at", n(news.at.millis()))
            .expression_attribute_values(":version", n(version));
        owing(update, news, "recording that a credential is in doubt").await
    }

    /// This news of a slot is told.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn told(&self, network: &NetworkId, slot: Slot, id: &EventId) -> Result<(), Error> {
        self.update(&Key::slot(network, slot))
            .update_expression("REMOVE #owed")
            .expression_attribute_names("#owed", attribute(id))
            .send()
            .await
            .map_err(Error::call("recording that news is told"))?;
        Ok(())
    }

    /// Counts answers for the credential that was activated as `version`: phones reached, and
    /// tokens under suspicion. The slot as it is then; `None` when another is active by now.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn count_answers(
        &self,
        network: &NetworkId,
        slot: Slot,
        version: u64,
        (delivered, suspects): (u64, u64),
    ) -> Result<Option<ActiveSlot>, Error> {
        const OPERATION: &str = "counting a credential's answers";
        let sent = self
            .update(&Key::slot(network, slot))
            .update_expression("ADD delivered :delivered, suspects :suspects")
            .condition_expression("version = :version")
            .expression_attribute_values(":delivered", n(delivered))
            .expression_attribute_values(":suspects", n(suspects))
            .expression_attribute_values(":version", n(version))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match sent {
            Ok(updated) => {
                let item = updated.attributes.unwrap_or_default();
                read_slot(&item, OPERATION).map(Some)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(Error::call(OPERATION)(error)),
            },
        }
    }
}

/// Makes a change together with the news of it; `false` when its condition does not hold.
async fn owing(
    update: UpdateItemFluentBuilder,
    news: &Owed,
    operation: &'static str,
) -> Result<bool, Error> {
    let (name, value) = news.write();
    let sent = update
        .expression_attribute_names("#owed", &name)
        .expression_attribute_values(":news", value)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match sent {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                // Repeated by the SDK after its answer was lost, the change is in its own way.
                let made = refused.item().is_some_and(|item| item.contains_key(&name));
                Ok(made)
            }
            _ => Err(Error::call(operation)(error)),
        },
    }
}

/// An attribute for each piece of news, so that none is in another's way.
const OWED: &str = "owed ";

fn attribute(id: &EventId) -> String {
    format!("{OWED}{}", id.as_str())
}

impl Owed {
    fn write(&self) -> (String, AttributeValue) {
        let parts = [
            ("name".to_owned(), s(self.news.name)),
            ("data".to_owned(), s(self.news.data.to_string())),
            ("at".to_owned(), n(self.at.millis())),
        ];
        (attribute(&self.id), AttributeValue::M(parts.into()))
    }

    fn read(name: &str, value: &AttributeValue) -> Option<Self> {
        let parts = value.as_m().ok()?;
        let text = |name: &str| parts.get(name)?.as_s().ok();
        let word = text("name")?;
        let (word, _) = TYPES.iter().find(|(known, _)| known == word)?;
        let data: Value = serde_json::from_str(text("data")?).ok()?;
        let at = parts.get("at")?.as_n().ok()?.parse().ok()?;
        Some(Self {
            id: EventId::parse(name.strip_prefix(OWED)?)?,
            news: News::push(word, data),
            at: Timestamp::from_millis(at),
        })
    }
}

impl ActiveSlot {
    /// A slot in which `record` is activated: with what was owed `before`, which is the slot as it was
    /// read, `None` when it was empty.
    #[must_use]
    pub fn activated(record: &Record, before: Option<&Self>, at: Timestamp) -> Self {
        Self {
            slot: record.slot,
            credential: record.id,
            // Activated anew, it does not become its own predecessor.
            previous: before.and_then(|before| match before.credential == record.id {
                true => before.previous,
                false => Some(before.credential),
            }),
            version: before.map_or(1, |before| before.version.saturating_add(1)),
            since: at,
            paused: None,
            // The first fault that nothing has mended yet.
            recovering: before.and_then(|before| {
                let fault = before.recovering.as_ref().or(before.paused.as_ref());
                fault.cloned()
            }),
            delivered: 0,
            suspects: 0,
            guarded: false,
            owed: before.map_or_else(Vec::new, |before| before.owed.clone()),
        }
    }

    pub(super) fn write(&self, network: &NetworkId) -> Item {
        let attributes = [
            ("credential", s(self.credential.to_string())),
            ("version", n(self.version)),
            ("since", n(self.since.millis())),
        ];
        let previous = self.previous.map(|id| ("previous", s(id.to_string())));
        let recovering = self.recovering.iter().flat_map(|fault| {
            [
                ("recoveringFor", s(&fault.reason)),
                ("recoveringSay", s(&fault.explanation)),
                ("recoveringAt", n(fault.at.millis())),
            ]
        });
        attributes
            .into_iter()
            .chain(previous)
            .chain(recovering)
            .chain(Key::slot(network, self.slot).attributes())
            .map(|(name, value)| (name.to_owned(), value))
            .chain(self.owed.iter().map(Owed::write))
            .collect()
    }
}

pub(super) fn read_slot(item: &Item, operation: &'static str) -> Result<ActiveSlot, Error> {
    let reader = Reader::new(item, operation);
    let fault = |at: &str, word: &str, say: &str| {
        let text = |name: &str| reader.maybe_text(name).unwrap_or_default().to_owned();
        let at = reader.maybe_number(at)?;
        Some(Paused {
            reason: text(word),
            explanation: text(say),
            at: Timestamp::from_millis(at),
        })
    };
    let previous = reader.maybe_text("previous").map(CredentialId::parse);
    // What only a newer release understands is told by that.
    let owed = item
        .iter()
        .filter_map(|(name, value)| Owed::read(name, value));
    let mut owed: Vec<_> = owed.collect();
    owed.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    Ok(ActiveSlot {
        slot: reader.parsed("sk", |sk| Slot::parse(sk.strip_prefix("SLOT#")?))?,
        credential: reader.parsed("credential", CredentialId::parse)?,
        previous: match previous {
            Some(None) => return Err(reader.bad("previous")),
            Some(id) => id,
            None => None,
        },
        version: reader.number("version")?,
        since: reader.time("since")?,
        paused: fault("pausedAt", "pausedFor", "pausedSay"),
        recovering: fault("recoveringAt", "recoveringFor", "recoveringSay"),
        delivered: reader.maybe_number("delivered").unwrap_or_default(),
        suspects: reader.maybe_number("suspects").unwrap_or_default(),
        guarded: item.contains_key("guardedAt"),
        owed,
    })
}
