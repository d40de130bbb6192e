//! `[metrics]`: who may scrape.

use portcullis_base::secret::SecretString;

use super::super::section::Section;

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct Metrics {
    /// What opens `/metrics` and nothing else; an admin token opens it, too.
    pub token: Option<SecretString>,
}

impl Metrics {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { token: section.secret("token") }
    }
}
