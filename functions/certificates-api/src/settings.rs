use providers::Hosts;
use runtime::{Env, SettingsError};

/// The function's variables, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DynamoDB table.
    pub table: String,
    /// What the names of our Secrets Manager secrets start with.
    pub secret_prefix: String,
    /// URL of the events queue, for news.
    pub events_queue: String,
    /// Where the providers are, if not where they are for everybody. The template never sets it.
    pub stand_ins: Option<Hosts>,
}

impl Settings {
    /// # Errors
    /// All missing or malformed variables together.
    pub fn from_env(env: &Env) -> Result<Self, SettingsError> {
        let mut read = env.reader();
        let settings = Self {
            table: read.required("TABLE_NAME"),
            secret_prefix: read.required("SECRET_PREFIX"),
            events_queue: read.required("EVENTS_QUEUE_URL"),
            stand_ins: read.local("PROVIDER_STAND_INS", Hosts::stand_ins),
        };
        read.finish(settings)
    }
}
