use providers::Hosts;
use runtime::{Env, SettingsError};

/// The function's variables, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DynamoDB table.
    pub table: String,
    /// URL of the queue this function works on, for what is to be tried again.
    pub push_queue: String,
    /// URL of the events queue, for news.
    pub events_queue: String,
    /// What the names of our Secrets Manager secrets start with.
    pub secret_prefix: String,
    /// Where the providers are. The template never gives others than the official ones.
    pub hosts: Hosts,
}

impl Settings {
    /// # Errors
    /// All missing or malformed variables together.
    pub fn from_env(env: &Env) -> Result<Self, SettingsError> {
        let mut read = env.reader();
        let stand_ins = read.local("PROVIDER_STAND_INS", Hosts::stand_ins);
        let settings = Self {
            table: read.required("TABLE_NAME"),
            push_queue: read.required("PUSH_QUEUE_URL"),
            events_queue: read.required("EVENTS_QUEUE_URL"),
            secret_prefix: read.required("SECRET_PREFIX"),
            hosts: stand_ins.unwrap_or_else(Hosts::official),
        };
        read.finish(settings)
    }
}
