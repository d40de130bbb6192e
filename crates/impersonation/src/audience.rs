//! Whom JWTs are for, where nobody checks it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// So many different ones are told.
const TOLD_AT_MOST: usize = 20;

/// The audiences that were seen, each told to the log once: what an operator pins.
#[derive(Debug, Default)]
pub(crate) struct Audiences(Mutex<BTreeSet<Vec<String>>>);

impl Audiences {
    /// Takes note of the `aud` of a JWT that was proved.
    pub(crate) fn see(&self, audiences: &[String]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= TOLD_AT_MOST || !seen.insert(audiences.to_vec()) {
            return;
        }
        tracing::warn!(
            jwt.aud = ?audiences,
            "the audience of JWTs is not checked: name this one in impersonation.jwt.audiences, and set \
             validate_audience to true"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_audiences_is_not_remembered() {
        let audiences = Audiences::default();
        for n in 0..1000 {
            audiences.see(&[n.to_string()]);
            audiences.see(&["the same".to_owned()]);
        }
        assert_eq!(audiences.0.lock().unwrap().len(), TOLD_AT_MOST);
    }
}
