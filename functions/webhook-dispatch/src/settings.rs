use runtime::{Env, SettingsError};

/// The function's variables, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DynamoDB table.
    pub table: String,
    /// URL of the queue of everything but first tries.
    pub retry_queue: String,
    /// URL of the queue of endpoints that are slow.
    pub slow_queue: String,
    /// URL of the events queue, for news.
    pub events_queue: String,
    /// What the names of our Secrets Manager secrets start with.
    pub secret_prefix: String,
    /// The names of our own API, which nothing is sent to.
    pub own_names: Vec<String>,
    /// Receivers on loopback over plain http are allowed. The template never sets it.
    pub local_receivers: bool,
}

impl Settings {
    /// # Errors
    /// All missing or malformed variables together.
    pub fn from_env(env: &Env) -> Result<Self, SettingsError> {
        let mut read = env.reader();
        let settings = Self {
            table: read.required("TABLE_NAME"),
            retry_queue: read.required("RETRY_QUEUE_URL"),
            slow_queue: read.required("SLOW_QUEUE_URL"),
            events_queue: read.required("EVENTS_QUEUE_URL"),
            secret_prefix: read.required("SECRET_PREFIX"),
            own_names: read.required_list("OWN_NAMES"),
            local_receivers: read.switch("LOCAL_RECEIVERS"),
        };
        read.finish(settings)
    }
}
