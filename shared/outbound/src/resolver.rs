use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

/// A name's addresses, to come.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Where names become addresses: the system, or a script in a test.
///
/// It is asked once per new connection. What it answers is judged, never trusted.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(&str) -> Lookup + Send + Sync>);

impl Resolver {
    /// The operating system's resolver.
    #[must_use]
    pub fn system() -> Self {
        Self::from_fn(|name| Box::pin(lookup(name.to_owned())))
    }

    /// Answers by calling `answer` with the name.
    pub fn from_fn(answer: impl Fn(&str) -> Lookup + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    pub(crate) fn lookup(&self, name: &str) -> Lookup {
        (self.0)(name)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

async fn lookup(name: String) -> io::Result<Vec<IpAddr>> {
    // The port is added later; the resolver only wants one to be there.
    let answers = tokio::net::lookup_host((name, 0)).await?;
    Ok(answers.map(|answer| answer.ip()).collect())
}
