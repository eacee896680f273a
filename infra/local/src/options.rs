use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use aws_local::Location;
use runtime::{Clock, Random};
use telemetry::Telemetry;

/// How to start a system.
#[derive(Debug, Clone)]
pub struct Options {
    pub template: TemplateSource,
    pub location: Location,
    /// Where the API listens; port 0 takes any free one.
    pub listen: SocketAddr,
    pub aws_listen: AwsListen,
    pub schedules: Schedules,
    pub providers: Providers,
    pub clock: Clock,
    pub random: Random,
    pub telemetry: Telemetry,
}

#[derive(Debug, Clone)]
pub enum TemplateSource {
    /// The one this program was built with.
    BuiltIn,
    File(PathBuf),
    Text(String),
}

/// Whether the embedded AWS services are also served over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsListen {
    Off,
    /// There, or the start fails.
    At(SocketAddr),
    /// There if it is free, else on any free port.
    Preferably(SocketAddr),
}

/// Whether time drives the schedules, or only [`System::run_schedule`](crate::System::run_schedule).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedules {
    Running,
    OnDemand,
}

/// Who brings pushes to phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Providers {
    /// Stand-ins in this process, with phones that show what they get.
    Simulated,
    /// Apple, Google and Baidu.
    Official,
}

impl Options {
    /// Everything in memory, any free port, the real clock, no log.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self {
            template: TemplateSource::BuiltIn,
            location: Location::Memory,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            aws_listen: AwsListen::Off,
            schedules: Schedules::Running,
            providers: Providers::Simulated,
            clock: Clock::system(),
            random: Random::system(),
            telemetry: Telemetry::to(|_, _| {}),
        }
    }

    /// The same over a data directory.
    #[must_use]
    pub fn in_directory(path: impl Into<PathBuf>) -> Self {
        Self {
            location: Location::Directory(path.into()),
            ..Self::ephemeral()
        }
    }
}
