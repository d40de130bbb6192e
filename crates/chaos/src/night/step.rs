//! What happens in a night.

use std::fmt;

use crate::plan::Leaving;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// SIGTERM to a replica, and another program in its place.
    Upgrade(usize),
    /// SIGKILL to a replica, and the same program again.
    Kill(usize),
    /// Postgres goes away in this manner, and comes back.
    Outage(Leaving),
    /// Postgres accepts and never answers, for a while; its connections stay silent for ever.
    Silence,
}

impl Step {
    /// Each replica is upgraded, one after the other; then each is killed. So many times.
    pub fn rolling(replicas: usize, rounds: usize) -> Vec<Self> {
        let round = (0..replicas).map(Self::Upgrade).chain((0..replicas).map(Self::Kill));
        let round: Vec<Self> = round.collect();
        round.repeat(rounds)
    }

    /// The database is stopped, crashes, and falls silent. So many times.
    pub fn outages(rounds: usize) -> Vec<Self> {
        let round = [Self::Outage(Leaving::Stop), Self::Outage(Leaving::Crash), Self::Silence];
        round.repeat(rounds)
    }

    /// Its kind, for the table.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Upgrade(_) => "upgrade",
            Self::Kill(_) => "kill",
            Self::Outage(Leaving::Stop) => "database stopped",
            Self::Outage(Leaving::Crash) => "database crashed",
            Self::Silence => "database silent",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upgrade(number) | Self::Kill(number) => {
                write!(f, "{} of replica {}", self.kind(), number + 1)
            }
            Self::Outage(_) | Self::Silence => f.write_str(self.kind()),
        }
    }
}
