use std::fmt;
use std::sync::Arc;

/// The only source of randomness. Cheap to clone.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Random {
    /// The operating system's generator.
    ///
    /// # Panics
    /// When the system has none: nothing secret could be made then, and going on would be worse.
    #[must_use]
    pub fn system() -> Self {
        #[expect(clippy::panic, reason = "see the doc comment")]
        Self::from_fn(|bytes| {
            if getrandom::fill(bytes).is_err() {
                panic!("the operating system gives no random bytes");
            }
        })
    }

    /// Randomness from `fill`, which must write the whole slice it is given.
    #[must_use]
    pub fn from_fn(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` bytes, drawn anew at each call.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// Uniform in 0..1.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.bytes())) / (f64::from(u32::MAX) + 1.0)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
