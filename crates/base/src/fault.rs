//! Places at which a crash is interesting, and the way to crash there.
//!
//! Without the feature `fault-injection` a [`point`] is nothing at all. With it, a process that was
//! armed (`arm`) kills itself with SIGKILL when it comes by: no destructor, no flush, no answer.
//! Only the binary of the chaos harness asks for it. `--all-features` compiles the points into the shipped
//! one as well, which has nothing that arms them.

#[cfg(feature = "fault-injection")]
mod armed;

#[cfg(feature = "fault-injection")]
pub use armed::{BadOrder, arm, point};

/// Where a process may be killed. Each lies between two steps that must both survive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// A wrapped key of our own was kept, and nothing is done with it yet.
    KeyKept,
    /// A batch was sealed and not handed to the database.
    ReportSealed,
    /// A batch is written and not committed (SQLite; Postgres takes it in one statement).
    ReportWritten,
    /// A batch is committed and nobody knows; of a larger body the rest is still to come.
    ReportCommitted,
    /// Rows are under our lease, and no call is made.
    Claimed,
    /// The provider knows whose the secret is, and the request that kills it is not sent.
    Asked,
    /// The secret is dead, and its end not written.
    Called,
    /// Ends are written and not committed (SQLite).
    SettleWritten,
    /// Ends are committed.
    Settled,
    /// It is committed that GitLab will be asked for a token, and GitLab is not asked.
    Intended,
    /// GitLab has made a token, and nothing is kept of it.
    Created,
    /// A token's revocation is written and not committed.
    IssueWritten,
    /// A token's revocation is committed, and nobody was given the token.
    IssueCommitted,
    /// A token that nobody heard of was found, and lives.
    OrphanFound,
    /// It is dead, and that is not written.
    OrphanRevoked,
    /// The master key is being changed: `secrets.toml` has the new one and the old one.
    MasterKeyMade,
    /// One of our keys is wrapped by the new master key.
    KeyRewrapped,
    /// Some of the waiting secrets are sealed by it.
    Resealed,
    /// The database knows the old one no more.
    MasterKeyRetired,
}

impl Point {
    /// Every point, in the order of a secret's way: of one that is reported, then of one that is lent; then
    /// those on a new master key's way.
    pub const ALL: [Self; 19] = [
        Self::KeyKept,
        Self::ReportSealed,
        Self::ReportWritten,
        Self::ReportCommitted,
        Self::Claimed,
        Self::Asked,
        Self::Called,
        Self::SettleWritten,
        Self::Settled,
        Self::Intended,
        Self::Created,
        Self::IssueWritten,
        Self::IssueCommitted,
        Self::OrphanFound,
        Self::OrphanRevoked,
        Self::MasterKeyMade,
        Self::KeyRewrapped,
        Self::Resealed,
        Self::MasterKeyRetired,
    ];

    /// The name in orders and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyKept => "key-kept",
            Self::ReportSealed => "report-sealed",
            Self::ReportWritten => "report-written",
            Self::ReportCommitted => "report-committed",
            Self::Claimed => "claimed",
            Self::Asked => "asked",
            Self::Called => "called",
            Self::SettleWritten => "settle-written",
            Self::Settled => "settled",
            Self::Intended => "intended",
            Self::Created => "created",
            Self::IssueWritten => "issue-written",
            Self::IssueCommitted => "issue-committed",
            Self::OrphanFound => "orphan-found",
            Self::OrphanRevoked => "orphan-revoked",
            Self::MasterKeyMade => "master-key-made",
            Self::KeyRewrapped => "key-rewrapped",
            Self::Resealed => "resealed",
            Self::MasterKeyRetired => "master-key-retired",
        }
    }

    /// The point of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }
}

/// Comes by a place at which a crash is interesting.
#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
pub const fn point(_: Point) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        for point in Point::ALL {
            assert_eq!(Point::from_name(point.name()), Some(point));
        }
        assert_eq!(Point::from_name("nowhere"), None);
    }
}
