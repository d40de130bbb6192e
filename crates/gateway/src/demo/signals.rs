//! Being told to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, a polite kill, and a terminal that was closed. Heard from the moment it is made, so that
/// what lies on disk is always removed.
pub(super) struct Signals([Signal; 3]);

impl Signals {
    /// Begins to listen. Must be called in a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        let of = |kind| signal(kind);
        Ok(Self([
            of(SignalKind::interrupt())?,
            of(SignalKind::terminate())?,
            of(SignalKind::hangup())?,
        ]))
    }

    /// Returns when any of them comes.
    pub(super) async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
