use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::id::{EventId, NetworkId};
use domain::push::device::{DeviceId, UserId};
use domain::push::gate::Trail;
use domain::time::Timestamp;

use crate::item::{Item, Reader, expires, n, s};
use crate::key::{Key, push_partition};
use crate::push::SUBSCRIBER_SHARDS;
use crate::{Error, Store};

/// The records of one event are spread over this many partitions: a partition takes 1,000 write
/// units a second. Never change it: it is part of every stored key.
pub const PUSH_SHARDS: u8 = 8;

/// What is said of a push whose message failed as often as its queue allows. It tells such a push,
/// which is still wanted when its message is sent back, from one that ended.
pub const GIVEN_UP: &str =
    "Fanfare failed each time it tried to send it; the operator's log has the reasons";

/// What has become of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// A gate stopped it.
    Gated,
    /// It is owed.
    Pending,
    /// It waits for a better credential.
    Held,
    /// The provider took it.
    Sent,
    /// It was given up.
    Dead,
    /// It became part of a summary.
    Collapsed,
}

impl PushState {
    /// The word in records and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gated => "gated",
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Collapsed => "collapsed",
        }
    }

    /// The exact reverse of [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Gated,
            Self::Pending,
            Self::Held,
            Self::Sent,
            Self::Dead,
            Self::Collapsed,
        ]
        .into_iter()
        .find(|state| state.word() == word)
    }
}

/// What became of one event's push for one person, or for one of their devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRecord {
    /// The person.
    pub user: UserId,
    /// The device; `None` when a gate stopped the push before any device was looked at.
    pub device: Option<DeviceId>,
    /// What has become of it.
    pub state: PushState,
    /// What each gate decided.
    pub trail: Trail,
    /// How often it was tried.
    pub attempts: u32,
    /// What the last try came to, in words; `None` before the first.
    pub explanation: Option<String>,
    /// When the state was reached.
    pub at: Timestamp,
}

/// Where a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushCursor {
    shard: u8,
    after: Option<String>,
}

impl PushCursor {
    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (shard, after) = text.split_once('.')?;
        let shard = shard.parse().ok().filter(|shard| *shard < PUSH_SHARDS)?;
        let (pairs, rest) = after.as_bytes().as_chunks::<2>();
        let bytes = pairs.iter().map(|pair| {
            let digits = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        let after = String::from_utf8(bytes.collect::<Option<_>>()?).ok()?;
        rest.is_empty().then(|| Self {
            shard,
            after: Some(after).filter(|after| !after.is_empty()),
        })
    }
}

impl std::fmt::Display for PushCursor {
    /// The key as hexadecimal digits: a user's id may hold signs that mean something in a URL.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.", self.shard)?;
        let mut bytes = self.after.iter().flat_map(|after| after.bytes());
        bytes.try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Some of an event's records.
#[derive(Debug, Clone)]
pub struct PushPage {
    /// At most as many as were asked for.
    pub records: Vec<PushRecord>,
    /// Where the next page starts; `None` when there is none.
    pub next: Option<PushCursor>,
}

impl Store {
    /// Writes a record unless there is one: an earlier receive of the same message may have
    /// written it, and what has become of the push since must not be undone. The one that was
    /// there, if there was.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn put_push_record(
        &self,
        network: &NetworkId,
        event: &EventId,
        accepted: Timestamp,
        record: &PushRecord,
    ) -> Result<Option<PushRecord>, Error> {
        let device = record.device.as_ref().map(DeviceId::key);
        let key = Key::push_record(network, event, &record.user, device.as_deref());
        let [pk, sk] = key.attributes();
        let mut call = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(pk.0, pk.1)
            .item(sk.0, sk.1)
            .item("state", s(record.state.word()))
            .item("trail", s(record.trail.to_text()))
            .item("attempts", n(record.attempts))
            .item("at", n(record.at.millis()))
            .item("expires", expires(accepted))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(device) = &record.device {
            call = call.item("device", s(device.as_str()));
        }
        if let Some(say) = &record.explanation {
            call = call.item("say", s(say));
        }
        match call.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let item = failed.item().ok_or(Error::Item {
                        operation: OPERATION,
                        what: "item",
                    })?;
                    read(item).map(Some)
                }
                _ => Err(Error::call("recording a push")(error)),
            },
        }
    }

    /// Writes what one more try came to. `false` when that try, or a later one, was recorded before:
    /// a message received twice.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn settle_push(
        &self,
        network: &NetworkId,
        event: &EventId,
        record: &PushRecord,
    ) -> Result<bool, Error> {
        let device = record.device.as_ref().map(DeviceId::key);
        let key = Key::push_record(network, event, &record.user, device.as_deref());
        let mut call = self
            .update(&key)
            .condition_expression(
                "attribute_exists(pk) AND attempts <= :attempts AND #state IN (:pending, :held)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":pending", s(PushState::Pending.word()))
            .expression_attribute_values(":held", s(PushState::Held.word()))
            .expression_attribute_values(":state", s(record.state.word()))
            .expression_attribute_values(":trail", s(record.trail.to_text()))
            .expression_attribute_values(":attempts", n(record.attempts))
            .expression_attribute_values(":at", n(record.at.millis()));
        let set = "SET #state = :state, trail = :trail, attempts = :attempts, #at = :at";
        call = match &record.explanation {
            None => call.update_expression(set),
            Some(say) => call
                .update_expression(format!("{set}, say = :say"))
                .expression_attribute_values(":say", s(say)),
        };
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::call("settling a push")(error)),
            },
        }
    }

    /// Makes a push owed again that was given up because its message failed too often. `false` when
    /// it is not owed even so: it ended another way, or is forgotten.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn revive_push(
        &self,
        network: &NetworkId,
        event: &EventId,
        (user, device): (&UserId, &DeviceId),
        now: Timestamp,
    ) -> Result<bool, Error> {
        let key = Key::push_record(network, event, user, Some(&device.key()));
        let call = self
            .update(&key)
            .update_expression("SET #state = :pending, #at = :at REMOVE say")
            .condition_expression("#state = :dead AND say = :given_up")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":pending", s(PushState::Pending.word()))
            .expression_attribute_values(":dead", s(PushState::Dead.word()))
            .expression_attribute_values(":given_up", s(GIVEN_UP))
            .expression_attribute_values(":at", n(now.millis()));
        let refused = match call.send().await {
            Ok(_) => false,
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => true,
                _ => return Err(Error::call("making a push owed again")(error)),
            },
        };
        if refused {
            let record = self.push_record(network, event, user, device).await?;
            let state = record.map(|record| record.state);
            return Ok(matches!(state, Some(PushState::Pending | PushState::Held)));
        }
        Ok(true)
    }

    /// The record of one device; `None` when there is none.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn push_record(
        &self,
        network: &NetworkId,
        event: &EventId,
        user: &UserId,
        device: &DeviceId,
    ) -> Result<Option<PushRecord>, Error> {
        let key = Key::push_record(network, event, user, Some(&device.key()));
        let item = self.get(&key, OPERATION).await?;
        item.map(|item| read(&item)).transpose()
    }

    /// What became of an event's push for one person: a record of the person, or one per device.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn user_pushes(
        &self,
        network: &NetworkId,
        event: &EventId,
        user: &UserId,
    ) -> Result<Vec<PushRecord>, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(
                ":pk",
                s(push_partition(network, event, user.shard(PUSH_SHARDS))),
            )
            .expression_attribute_values(":sk", s(format!("{user}#")))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let records = answer.items().iter().map(read);
        let mut records = records.collect::<Result<Vec<_>, _>>()?;
        // Another user's id may begin with this one's and a #.
        records.retain(|record| record.user == *user);
        Ok(records)
    }

    /// Who has a record of an event, of those in one of the [`SUBSCRIBER_SHARDS`] partitions of a
    /// place who come after `after`, up to `until`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn pushed_subscribers(
        &self,
        network: &NetworkId,
        event: &EventId,
        shard: u8,
        (after, until): (Option<&UserId>, Option<&UserId>),
    ) -> Result<BTreeSet<UserId>, Error> {
        let first = after.map_or(FIRST_KEY, UserId::as_str);
        let last = until.map_or_else(|| LAST_SIGN.to_string(), last_key);
        let mut found = BTreeSet::new();
        // A subscriber's partition and a record's are both taken from the same byte.
        for shard in (shard..PUSH_SHARDS).step_by(SUBSCRIBER_SHARDS.into()) {
            let mut pages = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                .expression_attribute_values(":pk", s(push_partition(network, event, shard)))
                .expression_attribute_values(":first", s(first))
                .expression_attribute_values(":last", s(&last))
                .consistent_read(true)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                for item in page.map_err(Error::call(OPERATION))?.items() {
                    let user = read(item)?.user;
                    let comes_after = after.is_none_or(|after| user > *after);
                    if comes_after && until.is_none_or(|until| user <= *until) {
                        found.insert(user);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The records of an event from `cursor` on.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn list_pushes(
        &self,
        network: &NetworkId,
        event: &EventId,
        cursor: Option<PushCursor>,
        limit: usize,
    ) -> Result<PushPage, Error> {
        let mut at = cursor.unwrap_or(PushCursor {
            shard: 0,
            after: None,
        });
        let mut records = Vec::new();
        loop {
            let left = limit.saturating_sub(records.len());
            let answer = self
                .query_after(
                    &push_partition(network, event, at.shard),
                    at.after.as_deref(),
                )
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(Error::call(OPERATION))?;
            for item in answer.items() {
                records.push(read(item)?);
            }
            at = match answer.last_evaluated_key() {
                Some(key) => PushCursor {
                    shard: at.shard,
                    after: Some(Reader::new(key, OPERATION).text("sk")?.to_owned()),
                },
                None if at.shard.saturating_add(1) < PUSH_SHARDS => PushCursor {
                    shard: at.shard.saturating_add(1),
                    after: None,
                },
                None => {
                    return Ok(PushPage {
                        records,
                        next: None,
                    });
                }
            };
            if records.len() >= limit {
                return Ok(PushPage {
                    records,
                    next: Some(at),
                });
            }
        }
    }
}

const OPERATION: &str = "reading the records of a push";

/// Before every record's key, and after every one.
const FIRST_KEY: &str = " ";
const LAST_SIGN: char = char::MAX;

/// After the keys of all records of users up to this one. Records are not in their users' order when
/// one's id is the beginning of another's: what follows there is a # or the other's next sign.
fn last_key(user: &UserId) -> String {
    let user = user.as_str();
    let beginnings = user.char_indices().filter_map(|(end, _)| user.get(..end));
    let keys = beginnings
        .chain([user])
        .map(|user| format!("{user}#{LAST_SIGN}"));
    keys.max().unwrap_or_default()
}

fn read(item: &Item) -> Result<PushRecord, Error> {
    let reader = Reader::new(item, OPERATION);
    let device = reader.maybe_text("device").map(DeviceId::parse);
    Ok(PushRecord {
        user: reader.parsed("sk", |sk| UserId::parse(sk.rsplit_once('#')?.0))?,
        device: match device {
            Some(None) => return Err(reader.bad("device")),
            Some(device) => device,
            None => None,
        },
        state: reader.parsed("state", PushState::parse)?,
        trail: reader.parsed("trail", Trail::parse)?,
        attempts: reader.small("attempts")?,
        explanation: reader.maybe_text("say").map(str::to_owned),
        at: reader.time("at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_users_up_to_one_come_before_its_last_key() {
        let ids = [
            " ", "a", "a ", "a!", "a#", "a#~", "a~", "a ~", "ab", "aé", "é",
        ];
        let users = ids.map(|id| UserId::parse(id).unwrap());
        for until in &users {
            for user in users.iter().filter(|user| *user <= until) {
                for device in ["", "0", "z"] {
                    let key = format!("{user}#{device}");
                    assert!(FIRST_KEY < key.as_str(), "{key}");
                    assert!(key <= last_key(until), "{key} until {until}");
                }
            }
        }
    }

    #[test]
    fn a_cursor_comes_back_and_says_nothing_to_a_url() {
        for after in [None, Some("a user's #id?&é#abc".to_owned())] {
            let cursor = PushCursor { shard: 3, after };
            let text = cursor.to_string();
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'));
            assert_eq!(PushCursor::parse(&text), Some(cursor));
        }
        for text in ["", "3", "8.", "3.0", "3.zz", "3.ff"] {
            assert_eq!(PushCursor::parse(text), None, "{text}");
        }
    }
}
