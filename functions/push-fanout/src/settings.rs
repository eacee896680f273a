use runtime::{Env, SettingsError};

/// The function's variables, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DynamoDB table.
    pub table: String,
    /// URL of the queue of pushes owed to devices.
    pub push_queue: String,
    /// URL of the queue of pages of people.
    pub audience_queue: String,
}

impl Settings {
    /// # Errors
    /// All missing or malformed variables together.
    pub fn from_env(env: &Env) -> Result<Self, SettingsError> {
        let mut read = env.reader();
        let settings = Self {
            table: read.required("TABLE_NAME"),
            push_queue: read.required("PUSH_QUEUE_URL"),
            audience_queue: read.required("AUDIENCE_QUEUE_URL"),
        };
        read.finish(settings)
    }
}
