/// Which of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// APNs, both environments.
    Apns,
    /// Google's token service.
    Oauth,
    /// FCM.
    Fcm,
    /// Baidu.
    Baidu,
}

/// What a scripted request meets instead of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An answer with this status and the provider's word.
    Refuse {
        /// HTTP status.
        status: u16,
        /// `reason`, `errorCode`, `error` or `error_code`, as the service calls it.
        word: String,
        /// `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// The connection ends with a GOAWAY whose debug data names this reason.
    GoAway(String),
    /// The connection is cut without a word.
    Drop,
    /// No answer ever comes.
    Silence,
}

impl Fault {
    /// A refusal without `Retry-After`.
    #[must_use]
    pub fn refuse(status: u16, word: &str) -> Self {
        Self::Refuse {
            status,
            word: word.to_owned(),
            retry_after: None,
        }
    }
}

/// A fault that waits for its request.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) target: Target,
    /// Only requests to this device.
    pub(crate) token: Option<String>,
    pub(crate) times: u32,
    pub(crate) fault: Fault,
}
