//! One signal that tells every loop to end.

use std::future::Future;

use tokio::sync::watch;

/// Ends everything that holds a [`Shutdown`] of it; so does dropping it.
#[derive(Debug)]
pub(crate) struct Trigger(watch::Sender<bool>);

/// Told once, heard by all clones.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

pub(crate) fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    pub(crate) fn pull(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    pub(crate) async fn wait(mut self) {
        // An error means that the trigger is gone, which is the same news.
        drop(self.0.wait_for(|told| *told).await);
    }

    /// The future's value, or `None` when the end came first.
    pub(crate) async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.clone().wait() => None,
            value = future => Some(value),
        }
    }
}
