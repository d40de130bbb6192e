//! How much of bodies is in memory at once, whoever sends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that all bodies together may take.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<AtomicUsize>);

impl Room {
    pub(crate) fn of(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// A share of it that holds nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { room: self.clone(), held: 0 }
    }
}

/// What one body holds, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    room: Room,
    held: usize,
}

impl Share {
    /// Takes so many bytes more; `false` where there are not so many left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let taken = self
            .room
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if taken.is_ok() {
            self.held += bytes;
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.held, Ordering::Relaxed);
    }
}
