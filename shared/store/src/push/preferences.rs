use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use domain::id::NetworkId;
use domain::push::device::UserId;
use domain::push::preference::{Mode, Place, Preferences};

use super::recipients::{StoredRecipient, write};
use crate::item::n;
use crate::key::Key;
use crate::transaction::Committed;
use crate::{Error, Store};

impl Store {
    /// Changes what a user decided, and with it whether they subscribe to `place`. `None` when
    /// `change` says no.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same user.
    pub async fn change_preferences(
        &self,
        network: &NetworkId,
        user: &UserId,
        place: Option<&Place>,
        change: impl Fn(&mut Preferences) -> bool,
    ) -> Result<Option<Preferences>, Error> {
        const OPERATION: &str = "changing preferences";
        let mut tries = self.tries(OPERATION);
        loop {
            let mut stored = self.recipient(network, user).await?;
            if !change(&mut stored.recipient.preferences) {
                return Ok(None);
            }
            let mut items = vec![self.replace(network, &mut stored, OPERATION)?];
            if let Some(place) = place {
                let mode = stored.recipient.preferences.place(place).mode;
                items.push(self.subscribe(network, user, place, mode, OPERATION)?);
            }
            if self.transact_as_read(OPERATION, items).await? == Committed::Yes {
                return Ok(Some(stored.recipient.preferences));
            }
            tries.again().await?;
        }
    }

    fn replace(
        &self,
        network: &NetworkId,
        stored: &mut StoredRecipient,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        let before = stored.version;
        stored.version = before.saturating_add(1);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(write(network, stored)));
        // The race: two changes of one user; only one may build on what both read.
        let put = if before == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("version = :before")
                .expression_attribute_values(":before", n(before))
        };
        let put = put.build().map_err(|_| Error::Item {
            operation,
            what: "item",
        })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The place's own list of subscribers, kept in step with the user's record.
    fn subscribe(
        &self,
        network: &NetworkId,
        user: &UserId,
        place: &Place,
        mode: Mode,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        let bad = |_| Error::Item {
            operation,
            what: "item",
        };
        let attributes = Key::subscriber(network, place, user).attributes();
        let item = attributes.map(|(name, value)| (name.to_owned(), value));
        let builder = TransactWriteItem::builder();
        Ok(match mode {
            Mode::Subscribe => {
                let put = Put::builder()
                    .table_name(&self.table)
                    .set_item(Some(item.into()));
                builder.put(put.build().map_err(bad)?)
            }
            Mode::Default | Mode::Silent => {
                let delete = Delete::builder()
                    .table_name(&self.table)
                    .set_key(Some(item.into()));
                builder.delete(delete.build().map_err(bad)?)
            }
        }
        .build())
    }
}
