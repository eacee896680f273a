#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod aws;
mod clock;
mod env;
mod kept;
mod lambda;
mod random;
mod turns;

pub use aws::Aws;
pub use clock::Clock;
pub use env::{Env, Reader, SettingsError};
pub use kept::Kept;
pub use lambda::serve;
pub use random::Random;
pub use turns::{NoTurn, Tries};

use mimalloc::MiMalloc;
use telemetry::Telemetry;

/// One call of the AWS SDK allocates hundreds of times; see "Allocator" in ARCHITECTURE.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Everything outside a function. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The variables, read once at the start.
    pub env: Env,
    /// What every AWS client is built from.
    pub aws: Aws,
    /// The only source of the current time.
    pub clock: Clock,
    /// The only source of randomness.
    pub random: Random,
    /// Where lines go: standard output, in a real process.
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
