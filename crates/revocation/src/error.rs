//! Why the queue could not be changed.

use portcullis_base::seal::SealError;
use portcullis_store::StoreError;
use thiserror::Error;

/// Why the queue did not do what it was asked. Nothing of it is committed, or nobody knows; asking again
/// is safe.
#[derive(Debug, Error)]
pub enum QueueError {
    /// The database did not commit.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl QueueError {
    /// Whether the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_unavailable(),
            Self::Seal(_) => false,
        }
    }
}
