//! One piece of work at a time, shared by everybody who waits for what it brings.

use tokio::sync::watch;

/// The place where the work that is under way can be found.
#[derive(Debug, Default)]
pub(super) struct Flight(Option<watch::Receiver<()>>);

/// What has to be kept for as long as the work goes on: it ends when this is dropped, however that
/// comes about.
#[derive(Debug)]
pub(super) struct Flying(watch::Sender<()>);

/// The end of the work, to be waited for.
#[derive(Debug, Clone)]
pub(super) struct Landing(watch::Receiver<()>);

impl Flight {
    /// The end of the work that is under way; `None` where there is none.
    pub(super) fn current(&self) -> Option<Landing> {
        // Nothing is ever sent: an error says that the sender is gone.
        self.0.as_ref().filter(|work| work.has_changed().is_ok()).cloned().map(Landing)
    }

    /// Begins a new piece, which has to follow the end of the one before.
    pub(super) fn begin(&mut self) -> (Flying, Landing) {
        let (sender, receiver) = watch::channel(());
        self.0 = Some(receiver.clone());
        (Flying(sender), Landing(receiver))
    }

    /// Whether this is the work that everybody waits for, and was not given up.
    pub(super) fn is_of(&self, flying: &Flying) -> bool {
        self.0.as_ref().is_some_and(|work| work.same_channel(&flying.0.subscribe()))
    }

    /// Gives work up that nobody seems to do any more; `false` where it is another by now.
    pub(super) fn give_up(&mut self, landing: &Landing) -> bool {
        self.0.take_if(|work| work.same_channel(&landing.0)).is_some()
    }
}

impl Landing {
    pub(super) async fn wait(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_ends_with_what_was_kept_for_it() {
        let mut flight = Flight::default();
        assert!(flight.current().is_none());
        let (flying, landing) = flight.begin();
        let shared = flight.current().unwrap();
        drop(flying);
        landing.wait().await;
        shared.wait().await;
        assert!(flight.current().is_none());
    }
}
