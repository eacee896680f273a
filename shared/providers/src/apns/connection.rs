//! One HTTP/2 connection to Apple.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use outbound::{Dialer, Socket};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A handshake takes three round trips; this is slow already.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// While answers are owed, this long a silence is asked about. A thawed process finds out that its
/// connection is dead in the sum of both, and has time left to send again.
const PING_INTERVAL: Duration = Duration::from_secs(3);
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Answers are a few hundred bytes; RFC 9113 §6.9.2's default window holds one each.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// How streams may be opened before the server has said how many it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// With a certificate: at once.
    Freely,
    /// With a provider token: "APNs allows only one stream until you post a push with a valid
    /// token".
    One,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Unconnected {
    /// The network's or the server's doing.
    Lost(&'static str),
    /// The server ended the handshake over our certificate.
    Refused(String),
}

/// An open connection. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    alert: Arc<OnceLock<String>>,
}

impl Connection {
    pub(crate) async fn open(
        tls: &TlsConnector,
        to: (&Dialer, &str, u16),
        opening: Opening,
    ) -> Result<Self, Unconnected> {
        let opened = timeout(CONNECT_TIMEOUT, dial(tls, to)).await;
        let stream = opened.map_err(|_| Unconnected::Lost("ConnectTimeout"))??;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(Unconnected::Lost("NotHttp2"));
        }
        let alert = Arc::new(OnceLock::new());
        let watched = Watched {
            stream,
            alert: Arc::clone(&alert),
        };
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        if opening == Opening::One {
            builder.initial_max_send_streams(1);
        }
        let handshake = builder.handshake(TokioIo::new(watched)).await;
        let (sender, driver) = handshake.map_err(|_| Unconnected::Lost("HandshakeFailed"))?;
        // Ends with the connection; what it died of, its streams tell.
        tokio::spawn(driver);
        Ok(Self { sender, alert })
    }

    /// The TLS alert that ended the connection: in TLS 1.3 a client learns only after its handshake
    /// that its certificate was refused.
    pub(crate) fn alert(&self) -> Option<&str> {
        self.alert.get().map(String::as_str)
    }
}

async fn dial(
    tls: &TlsConnector,
    (dialer, host, port): (&Dialer, &str, u16),
) -> Result<TlsStream<Socket>, Unconnected> {
    let tcp = dialer.connect(host, port).await;
    let tcp = tcp.map_err(|_| Unconnected::Lost("ConnectFailed"))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Unconnected::Lost("BadName"))?;
    tls.connect(name, tcp)
        .await
        .map_err(|error| match alert(&error) {
            Some(alert) => Unconnected::Refused(alert),
            None => Unconnected::Lost("TlsFailed"),
        })
}

/// The alert's name, e.g. `CertificateExpired`, when the error is one.
fn alert(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::AlertReceived(alert) = inner else {
        return None;
    };
    Some(format!("{alert:?}"))
}

/// Notes an alert on its way to `hyper`, which would turn it to text.
struct Watched {
    stream: TlsStream<Socket>,
    alert: Arc<OnceLock<String>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &read
            && let Some(alert) = alert(error)
        {
            self.alert.get_or_init(|| alert);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
