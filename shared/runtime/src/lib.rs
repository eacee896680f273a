#![doc = include_str!("../README.md")]

mod aws;
mod clock;
mod env;
mod lambda;
mod random;

pub use aws::Aws;
pub use clock::Clock;
pub use env::{Env, Reader, SettingsError};
pub use lambda::serve;
pub use random::Random;

use telemetry::Telemetry;

/// Everything outside a function. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Platform {
    pub env: Env,
    pub aws: Aws,
    pub clock: Clock,
    pub random: Random,
    pub telemetry: Telemetry,
}

impl Platform {
    /// The real one, from the process.
    #[must_use]
    pub fn from_process() -> Self {
        let env = Env::from_process();
        Self {
            aws: Aws::from_env(&env),
            env,
            clock: Clock::system(),
            random: Random::system(),
            telemetry: Telemetry::stdout(),
        }
    }
}
