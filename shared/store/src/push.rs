//! What pushes need: users with their devices and preferences, a network's settings, and a record
//! of what became of each push.

mod content;
mod device_text;
mod devices;
mod places;
mod preferences;
mod recipients;
mod records;
mod settings;
mod walks;

pub use content::StoredPush;
pub use devices::Registered;
pub use places::{SUBSCRIBER_SHARDS, SubscriberPage};
pub use recipients::{MAX_BATCH, RecipientPage, StoredRecipient, USER_SHARDS};
pub use records::{PUSH_SHARDS, PushCursor, PushPage, PushRecord, PushState};
pub use settings::SettingsVersion;
pub use walks::{Walk, WalkPage, WalkStep};
