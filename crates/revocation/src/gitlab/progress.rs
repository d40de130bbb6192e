//! What is known of an attempt before it has ended, for when time runs out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use portcullis_base::fault::{Point, point};
use serde_json::Value;

/// How far an attempt at one instance has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether a request is under way that may kill the token.
    deleting: AtomicBool,
    about: Mutex<Option<Value>>,
}

impl Progress {
    /// Keeps whose token it is.
    pub(super) fn learn(&self, about: &Value) {
        *self.about.lock().unwrap_or_else(PoisonError::into_inner) = Some(about.clone());
    }

    /// What was learnt of the token.
    pub(super) fn about(&self) -> Option<Value> {
        self.about.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the request `deletion`. The mark stays where it is dropped before its answer.
    pub(super) async fn during<T>(&self, deletion: impl Future<Output = T>) -> T {
        point(Point::Asked);
        self.deleting.store(true, Ordering::Relaxed);
        let answer = deletion.await;
        self.deleting.store(false, Ordering::Relaxed);
        answer
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.deleting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_deletion_is_under_way_until_its_answer() {
        let progress = Progress::default();
        assert!(!progress.is_deleting());
        assert!(progress.during(async { progress.is_deleting() }).await);
        assert!(!progress.is_deleting());
        let lost = progress.during(std::future::pending::<()>());
        tokio::time::timeout(Duration::from_millis(1), lost).await.unwrap_err();
        assert!(progress.is_deleting());
    }
}
