//! Addresses taken before anything else is touched: a taken port is the commonest mistake.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::{AwsListen, StartError};

/// A listener and where it really listens.
pub(crate) type Listening = (TcpListener, SocketAddr);

pub(crate) async fn bind(address: SocketAddr, flag: &'static str) -> Result<Listening, StartError> {
    let failed = |source| StartError::Listen {
        address,
        flag,
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

pub(crate) async fn bind_aws(listen: AwsListen) -> Result<Option<Listening>, StartError> {
    const FLAG: &str = "--aws-listen";
    let listening = match listen {
        AwsListen::Off => return Ok(None),
        AwsListen::At(address) if !address.ip().is_loopback() => {
            let problem = "its callers are not authenticated, so it must be a loopback address";
            return Err(StartError::Listen {
                address,
                flag: FLAG,
                source: io::Error::other(problem),
            });
        }
        AwsListen::At(address) => bind(address, FLAG).await?,
        AwsListen::Preferably(address) => match bind(address, FLAG).await {
            Ok(listening) => listening,
            Err(_) => bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), FLAG).await?,
        },
    };
    Ok(Some(listening))
}
