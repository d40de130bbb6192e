//! Where a command waits for what takes time.

use crate::error::StartError;

/// Runs `work` to its end on this thread.
pub(super) fn block_on<W: Future>(work: W) -> Result<W::Output, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| StartError::new("runtime", error))?.block_on(work))
}
