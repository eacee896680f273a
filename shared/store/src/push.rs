//! What pushes need: users with their devices and preferences, a network's settings, and a record
//! of what became of each push.

mod bursts;
mod content;
mod credentials;
mod device_text;
mod devices;
mod places;
mod preferences;
mod recipients;
mod records;
mod settings;
mod slots;
mod walks;

pub use bursts::Burst;
pub use content::StoredPush;
pub use credentials::{Credentials, Kept};
pub use devices::Registered;
pub use places::{SUBSCRIBER_SHARDS, SubscriberPage};
pub use recipients::{RecipientPage, StoredRecipient, USER_SHARDS};
pub use records::{GIVEN_UP, PUSH_SHARDS, PushCursor, PushPage, PushRecord, PushState};
pub use settings::SettingsVersion;
pub use slots::{ActiveSlot, Owed, Paused};
pub use walks::{Walk, WalkPage, WalkStep};
