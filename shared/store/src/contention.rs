//! Changes that meet: who comes second tries again, on what it reads anew if its change rests on
//! that.

use runtime::Tries;

use crate::{Error, Store};

/// The tries that one change has left.
#[derive(Debug)]
pub(crate) struct Turns<'a> {
    tries: Tries<'a>,
    operation: &'static str,
}

impl Store {
    pub(crate) const fn tries(&self, operation: &'static str) -> Turns<'_> {
        Turns {
            tries: Tries::new(self.random.as_ref()),
            operation,
        }
    }
}

impl Turns<'_> {
    /// Waits before the next try.
    ///
    /// # Errors
    /// [`Error::Contended`] when that was the last.
    pub(crate) async fn again(&mut self) -> Result<(), Error> {
        let operation = self.operation;
        let waited = self.tries.again().await;
        waited.map_err(|source| Error::Contended { operation, source })
    }
}
