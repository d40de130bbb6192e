//! Running the gateway.

use crate::config::Loaded;
use crate::error::StartError;

/// Serves until it is told to stop.
pub fn run(loaded: Loaded) -> Result<(), StartError> {
    drop(loaded);
    Err(StartError::new("serve", "nothing is mounted in this build"))
}
