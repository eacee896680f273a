use runtime::{Env, SettingsError};

/// The function's variables, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DynamoDB table.
    pub table: String,
    /// URL of its own queue, for the next page.
    pub replay_queue: String,
    /// URL of the queue of everything but first tries.
    pub retry_queue: String,
    /// URL of the events queue, for news.
    pub events_queue: String,
}

impl Settings {
    /// # Errors
    /// All missing or malformed variables together.
    pub fn from_env(env: &Env) -> Result<Self, SettingsError> {
        let mut read = env.reader();
        let settings = Self {
            table: read.required("TABLE_NAME"),
            replay_queue: read.required("REPLAY_QUEUE_URL"),
            retry_queue: read.required("RETRY_QUEUE_URL"),
            events_queue: read.required("EVENTS_QUEUE_URL"),
        };
        read.finish(settings)
    }
}
