//! Who counts what the worker and the outbox do.

use std::fmt::Debug;
use std::time::Duration;

use portcullis_store::queue::{Claimed, Outcome, Settlement};

/// Is told what the worker and the outbox do, as they do it: it must not wait for anything. Nothing of a
/// secret comes here.
pub trait Observer: Debug + Send + Sync + 'static {
    /// A provider was called, and this is to be written of it.
    fn called(&self, call: &Called<'_>);

    /// So many secrets were given up because nobody is configured to revoke them.
    fn orphaned(&self, count: u64);

    /// A webhook was told so many notices, or not; [`NO_WEBHOOK`] stands for those that are not configured
    /// any more.
    fn told(&self, webhook: &str, outcome: Told, notices: usize);
}

/// What notices belong to whose webhook is not configured any more.
pub const NO_WEBHOOK: &str = "(none)";

/// One call of a provider.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// `retry`, or the name of the state in which the secret ends.
    pub outcome: &'static str,
    /// What the other side said, as a stable code.
    pub code: &'static str,
    /// Whether it is over for this secret.
    pub ended: bool,
    /// How long the call took.
    pub took: Duration,
    /// How long ago the secret should have been dead.
    pub late: Duration,
}

impl<'a> Called<'a> {
    pub(crate) fn of(
        provider: &'a str,
        row: &Claimed,
        settlement: &Settlement,
        took: Duration,
    ) -> Self {
        let (outcome, ended) = match settlement.outcome {
            Outcome::End { state, .. } => (state.as_str(), true),
            Outcome::Retry { .. } => ("retry", false),
        };
        Self { provider, outcome, code: settlement.code, ended, took, late: row.late + took }
    }
}

/// What came of telling a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It took them.
    Taken,
    /// It did not, and is told again.
    PutOff,
    /// It never will be told.
    GivenUp,
}

impl Told {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Taken, Self::PutOff, Self::GivenUp];

    /// A stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::PutOff => "put_off",
            Self::GivenUp => "given_up",
        }
    }
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {
    fn called(&self, _: &Called<'_>) {}
    fn orphaned(&self, _: u64) {}
    fn told(&self, _: &str, _: Told, _: usize) {}
}
