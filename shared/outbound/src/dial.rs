use std::io;
use std::net::SocketAddr;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::lookup_host;
use tokio::time::sleep;

use crate::limits::{MAX_ADDRESSES_TRIED, NEXT_ADDRESS_DELAY};
use crate::socket::{Dialer, Socket};

impl Dialer {
    /// Connects to a host that nobody but us chose: its addresses are not judged. Tries them as the
    /// client does.
    ///
    /// # Errors
    /// When the name has no address, or none accepts.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<Socket> {
        let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
        let (socket, _) = dial(self, &addresses).await?;
        Ok(socket)
    }
}

/// Connects to the first address that accepts, in the resolver's order. RFC 8305 §5: an address
/// that neither accepts nor refuses soon does not keep the next one waiting.
pub(crate) async fn dial(
    dialer: &Dialer,
    addresses: &[SocketAddr],
) -> io::Result<(Socket, SocketAddr)> {
    let mut waiting = addresses.iter().copied().take(MAX_ADDRESSES_TRIED);
    let mut dialing = FuturesUnordered::new();
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "no addresses");
    loop {
        if let Some(address) = waiting.next() {
            let opening = dialer.open(address);
            dialing.push(async move { (opening.await, address) });
        }
        tokio::select! {
            finished = dialing.next() => match finished {
                Some((Ok(stream), address)) => return Ok((stream, address)),
                Some((Err(error), _)) => last_error = error,
                // Nothing is being dialed and nothing was left to dial.
                None => return Err(last_error),
            },
            () = sleep(NEXT_ADDRESS_DELAY), if waiting.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpStream};

    /// A loopback address nothing listens on.
    async fn closed() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
    }

    #[tokio::test]
    async fn the_first_address_that_accepts_is_used() {
        let (dead, listener) = (
            closed().await,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let live = listener.local_addr().unwrap();
        let (_, used) = dial(&Dialer::system(), &[dead, live]).await.unwrap();
        assert_eq!(used, live);
    }

    #[tokio::test]
    async fn a_silent_address_does_not_hold_up_the_next() {
        // A full accept queue drops further handshakes, which is what a filtered port looks like.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(0).unwrap();
        let silent = full.local_addr().unwrap();
        let _queued = TcpStream::connect(silent).await.unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let (_, used) = dial(&Dialer::system(), &[silent, live]).await.unwrap();
        assert_eq!(used, live);
    }

    #[tokio::test]
    async fn when_none_accepts_the_last_refusal_is_told() {
        let dialer = Dialer::system();
        let closed = [closed().await, closed().await];
        let error = dial(&dialer, &closed).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let error = dial(&dialer, &[]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
