//! `portcullis serve`

use portcullis_base::Randomness;

use crate::config::{self, Sources};
use crate::error::StartError;
use crate::{logging, serve};

/// Serves until it is told to stop.
pub(super) fn run(sources: &Sources, random: &dyn Randomness) -> Result<(), StartError> {
    let loaded = config::load(sources, random)?;
    let filter = logging::init(&loaded.config.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    serve::run(&loaded, sources, filter)
}
