use runtime::{Env, SettingsError};

/// The function's variables, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DynamoDB table.
    pub table: String,
    /// What the names of our Secrets Manager secrets start with.
    pub secret_prefix: String,
    /// URL of the events queue, for news and tests.
    pub events_queue: String,
    /// URL of the queue of everything but first tries, for replays.
    pub retry_queue: String,
    /// URL of the queue of replay jobs.
    pub replay_queue: String,
    /// URL of the queue of pages of people, for what was set aside of it.
    pub audience_queue: String,
    /// URL of the queue of pushes, for what was set aside of it.
    pub push_queue: String,
    /// The fixed addresses webhooks come from; empty when there are none.
    pub egress: Vec<String>,
    /// The names of our own API, which no endpoint may have.
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
            secret_prefix: read.required("SECRET_PREFIX"),
            events_queue: read.required("EVENTS_QUEUE_URL"),
            retry_queue: read.required("RETRY_QUEUE_URL"),
            replay_queue: read.required("REPLAY_QUEUE_URL"),
            audience_queue: read.required("AUDIENCE_QUEUE_URL"),
            push_queue: read.required("PUSH_QUEUE_URL"),
            egress: read.list("EGRESS_ADDRESSES"),
            own_names: read.required_list("OWN_NAMES"),
            local_receivers: read.switch("LOCAL_RECEIVERS"),
        };
        read.finish(settings)
    }
}
