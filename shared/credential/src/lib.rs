#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod material;
mod text;

pub use material::{ApnsCertificate, ApnsToken, Credential, KeyPair, PrivateKey, ServiceAccount};
