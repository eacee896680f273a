//! Every cap and timeout of the client, each with where its number comes from.

use std::time::Duration;

/// How much of an answer is read. Shared by all requests of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Body bytes kept; the connection is dropped at the first byte beyond.
    pub body: usize,
    /// Bytes of headers; an answer with more is a failure.
    pub headers: usize,
}

impl Default for Limits {
    /// 16 KiB of body explains any refusal; 32 KiB of headers is twice what common servers allow
    /// themselves.
    fn default() -> Self {
        Self {
            body: 16 * 1024,
            headers: 32 * 1024,
        }
    }
}

/// The least hyper accepts as buffer size; it panics below.
pub(crate) const MIN_BUFFER_BYTES: usize = 8 * 1024;

/// Unused connections close before the 60 s after which common load balancers close them, so a
/// request rarely meets a connection the other side is just closing.
pub(crate) const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// More than a process ever works on at once, so that none is closed between two batches and opened
/// again for the next; what a burst leaves over ends with [`POOL_IDLE_TIMEOUT`].
pub(crate) const POOL_MAX_IDLE_PER_HOST: usize = 128;

/// A connection in constant use is still replaced after this, so a receiver that moved in DNS is
/// followed, and its addresses judged again.
pub(crate) const CONNECTION_MAX_AGE: Duration = Duration::from_mins(5);

/// RFC 8305 §5, Connection Attempt Delay: how long one address may keep the next one waiting.
pub(crate) const NEXT_ADDRESS_DELAY: Duration = Duration::from_millis(250);

/// Addresses tried per connection. All answers are judged, however many; a name with hundreds of
/// them must not make us open hundreds of sockets.
pub(crate) const MAX_ADDRESSES_TRIED: usize = 8;

/// A shared HTTP/2 connection that stopped answering is found out by a ping, else it would take
/// every request to that receiver down with it until each one's deadline.
pub(crate) const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(5);
pub(crate) const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(5);

/// RFC 9113 §6.9.2, the protocol's own default: several answers' worth, where hyper's default of
/// 2 MiB would let each receiver fill that much memory before its answer is cut.
pub(crate) const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;

/// Room for some dozens of answers arriving together on one connection.
pub(crate) const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;
