#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod ber;
mod certificate;
mod judge;
mod material;
mod p12;
mod text;
mod verdict;

pub use judge::{Good, MAX_FILE, MAX_PASSWORD, Upload, judge};
pub use material::{ApnsCertificate, ApnsToken, Credential, KeyPair, PrivateKey, ServiceAccount};
pub use verdict::Verdict;
