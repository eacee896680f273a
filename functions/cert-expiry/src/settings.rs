use runtime::{Env, SettingsError};

/// The function's variables, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DynamoDB table.
    pub table: String,
    /// URL of the events queue, for warnings.
    pub events_queue: String,
    /// What the names of the key rings begin with.
    pub secret_prefix: String,
}

impl Settings {
    /// # Errors
    /// All missing or malformed variables together.
    pub fn from_env(env: &Env) -> Result<Self, SettingsError> {
        let mut read = env.reader();
        let settings = Self {
            table: read.required("TABLE_NAME"),
            events_queue: read.required("EVENTS_QUEUE_URL"),
            secret_prefix: read.required("SECRET_PREFIX"),
        };
        read.finish(settings)
    }
}
