use domain::id::NetworkId;
use domain::push::device::UserId;
use domain::push::preference::{Mode, Place};

use crate::item::{Reader, s};
use crate::key::{Key, subscriber_partition};
use crate::{Error, Store};

/// Subscribers of one place are spread over this many partitions. Never change it: it is part of
/// every stored key.
pub const SUBSCRIBER_SHARDS: u8 = 4;

/// Some of a place's subscribers, in the order of their ids.
#[derive(Debug, Clone)]
pub struct SubscriberPage {
    /// At most as many as were asked for.
    pub users: Vec<UserId>,
    /// After whom the next page starts; `None` when the partition is done.
    pub next: Option<UserId>,
}

impl Store {
    /// The mode of a channel or community; default when nobody set one.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn place_mode(&self, network: &NetworkId, place: &Place) -> Result<Mode, Error> {
        const OPERATION: &str = "reading a place's mode";
        let item = self.get(&Key::place(network, place), OPERATION).await?;
        item.map_or(Ok(Mode::default()), |item| {
            Reader::new(&item, OPERATION).parsed("mode", Mode::parse)
        })
    }

    /// Sets the mode of a channel or community.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn set_place_mode(
        &self,
        network: &NetworkId,
        place: &Place,
        mode: Mode,
    ) -> Result<(), Error> {
        self.update(&Key::place(network, place))
            .update_expression("SET #mode = :mode")
            .expression_attribute_names("#mode", "mode")
            .expression_attribute_values(":mode", s(mode.word()))
            .send()
            .await
            .map_err(Error::call("setting a place's mode"))?;
        Ok(())
    }

    /// The subscribers in one of the place's [`SUBSCRIBER_SHARDS`] partitions who come after
    /// `after`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn walk_subscribers(
        &self,
        network: &NetworkId,
        place: &Place,
        shard: u8,
        after: Option<&UserId>,
        limit: i32,
    ) -> Result<SubscriberPage, Error> {
        const OPERATION: &str = "walking subscribers";
        let pk = subscriber_partition(network, place, shard);
        let answer = self
            .query_after(&pk, after.map(UserId::as_str))
            .consistent_read(true)
            .limit(limit)
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let user = |item| Reader::new(item, OPERATION).parsed("sk", UserId::parse);
        Ok(SubscriberPage {
            users: answer.items().iter().map(user).collect::<Result<_, _>>()?,
            next: answer.last_evaluated_key().map(user).transpose()?,
        })
    }
}
