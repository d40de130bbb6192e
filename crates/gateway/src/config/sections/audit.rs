//! `[audit]`.

use std::time::Duration;

use super::super::section::Section;

const DAY: Duration = Duration::from_hours(24);

/// `[audit]`: what was done, and by whom.
#[derive(Debug, Clone)]
pub struct Audit {
    /// How long entries are kept.
    pub retention: Duration,
}

impl Audit {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { retention: section.duration("retention", 400 * DAY, DAY..=36_500 * DAY) }
    }
}
