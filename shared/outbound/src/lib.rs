#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod answer;
mod attempt;
mod client;
mod connector;
mod dial;
mod failure;
mod limits;
mod link;
mod not_after;
mod request;
mod resolver;
mod socket;
mod tls;

pub use answer::{Answer, Connection, Partial, Timing, TlsFacts, TlsVersion};
pub use client::{Builder, Client};
pub use failure::{Failure, FailureKind, ResponseFault, Stage, TlsFault};
pub use limits::Limits;
pub use request::Request;
pub use resolver::{Lookup, Resolver};
pub use socket::{Dialer, Dialing, Socket};
