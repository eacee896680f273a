//! Receipt handles: they name one receive of one message of one queue.

use std::fmt;
use std::str::FromStr;

use super::error::{Code, SqsError};
use super::held::Held;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) queue: i64,
    pub(crate) message: u64,
    /// The receive this handle was given out for: a later receive makes it stale.
    pub(crate) count: u32,
    /// Row numbers can be used again after a restart; this cannot.
    pub(crate) message_id: String,
}

impl Receipt {
    pub(crate) fn is_latest(&self, held: &Held) -> bool {
        held.receives.count == self.count && held.content.message_id == self.message_id
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            queue,
            message,
            count,
            message_id,
        } = self;
        write!(formatter, "{queue}:{message}:{count}:{message_id}")
    }
}

impl FromStr for Receipt {
    type Err = SqsError;

    fn from_str(handle: &str) -> Result<Self, SqsError> {
        let mut parts = handle.splitn(4, ':');
        let mut read = || {
            Some(Self {
                queue: parts.next()?.parse().ok()?,
                message: parts.next()?.parse().ok()?,
                count: parts.next()?.parse().ok()?,
                message_id: parts.next()?.to_owned(),
            })
        };
        read().ok_or_else(|| invalid(handle))
    }
}

/// The refusal of text that is no handle of this queue.
pub(crate) fn invalid(handle: &str) -> SqsError {
    let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    SqsError::new(Code::ReceiptHandleIsInvalid, message)
}
