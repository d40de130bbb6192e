//! Whom JWTs are for, where nobody checks it.

use std::sync::{Mutex, PoisonError};

/// The audience that was seen last, told to the log when it changes: what an operator pins.
#[derive(Debug, Default)]
pub(crate) struct Audiences(Mutex<Option<Vec<String>>>);

impl Audiences {
    /// Takes note of the `aud` of a JWT that was proved.
    pub(crate) fn see(&self, audiences: &[String]) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_deref() == Some(audiences) {
            return;
        }
        tracing::warn!(
            jwt.aud = ?audiences,
            "the audience of JWTs is not checked: set impersonation.jwt.audiences to this, and \
             validate_audience to true"
        );
        *last = Some(audiences.to_vec());
    }
}
