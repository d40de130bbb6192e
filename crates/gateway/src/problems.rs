//! From our own errors to what a caller is told.

use portcullis_base::Quiet;
use portcullis_store::StoreError;
use portcullis_web::Problem;

/// Every request would say so while the database is away.
static AWAY: Quiet = Quiet::new();

/// The cause goes to the log; the caller hears whether trying again may help.
pub(crate) fn of_store(error: &StoreError) -> Problem {
    let cause = std::error::Error::source(error).map(tracing::field::display);
    if error.is_unavailable() {
        if let Some(kept_back) = AWAY.pass() {
            tracing::warn!(error = %error, cause, log.kept_back = kept_back,
                "the database cannot be reached");
        }
        Problem::unavailable()
    } else {
        tracing::error!(error = %error, cause, "the database refused");
        Problem::internal()
    }
}
