#![doc = include_str!("../README.md")]

pub mod cli;
mod console;
mod demo;
mod error;
mod event;
mod gateway;
mod handlers;
mod http_client;
mod http_server;
mod invoke;
mod key_command;
mod keys;
mod listen;
mod listening;
mod options;
mod pollers;
mod push_demo;
mod queues;
mod schedules;
mod serve;
mod shutdown;
mod simulated;
mod system;
mod tables;
pub mod template;
mod timers;
mod verify;
mod world;

pub use aws_local::{Embedded, Location};
pub use error::StartError;
pub use keys::Keys;
pub use options::{AwsListen, Options, Providers, Schedules, TemplateSource};
pub use pollers::{batch_event, succeeded};
pub use push_demo::P12_PASSWORD;
pub use simulator::Simulator;
pub use system::{RunError, System, furnish};
