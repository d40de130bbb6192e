//! What came of a night.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::traffic::{Kind, Phase, Seen, WITHOUT_DRAIN};

/// No request may take longer, whatever the database does.
const BOUND: Duration = Duration::from_secs(20);

/// The only answer where the database is away.
const UNAVAILABLE: &str = "503 unavailable";
/// Where the replica is gone that had the request.
const CUT_OFF: &str = "cut off";

/// What was done and what was seen.
#[derive(Debug, Default)]
pub struct Night {
    /// How many replicas there were.
    pub replicas: usize,
    /// How long all of it took.
    pub took: Duration,
    /// Leaked tokens whose report was answered 204.
    pub acknowledged: usize,
    /// Tokens that jobs were given.
    pub lent: usize,
    /// Reports that were sent again.
    pub resent: usize,
    /// Acknowledged or lent, and alive.
    pub lost: usize,
    /// Whether something still waits in the queue.
    pub waiting: bool,
    /// How many rows ended how.
    pub ends: BTreeMap<String, usize>,
    /// Replicas killed, and times at which the database went away.
    pub crashes: usize,
    /// Replicas killed.
    pub kills: usize,
    /// Chains of the audit log: one for each process.
    pub chains: usize,
    /// Those without a last entry: their process was killed.
    pub chains_open: usize,
    /// Entries of the audit log.
    pub entries: u64,
    /// Connections to replicas that were open when these were killed: each had one request on its way at most.
    pub open_at_kills: usize,
    /// Secrets that GitLab was asked to revoke more than once.
    pub revoked_twice: usize,
    /// As many may be: calls that were under way at the crashes.
    pub at_most_twice: usize,
    /// The same after the last upgrade before the first crash.
    pub twice_without_a_crash: usize,
    /// From the database's return until the balancer used all replicas.
    pub longest_recovery: Duration,
    /// What else may not be.
    pub violations: Vec<String>,
    pub(super) phases: BTreeMap<Phase, Seen>,
}

impl Night {
    pub(super) fn of(replicas: usize) -> Self {
        Self { replicas, ..Self::default() }
    }

    /// Whether everything held.
    pub fn is_good(&self) -> bool {
        self.wrong().is_empty()
    }

    /// Requests that failed in steps of this kind, such as `upgrade`, or in between (`calm`).
    pub fn failed(&self, phase: &str) -> usize {
        self.phases_of(phase).flat_map(|(_, seen)| seen.failed.values()).sum()
    }

    /// Requests that were sent in them.
    pub fn requests(&self, phase: &str) -> usize {
        self.phases_of(phase).map(|(_, seen)| seen.requests).sum()
    }

    fn phases_of(&self, name: &str) -> impl Iterator<Item = (&Phase, &Seen)> {
        self.phases.iter().filter(move |(phase, _)| phase.name == name)
    }

    /// Everything that may not be, a line each.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = self.violations.clone();
        let mut is = |bad: bool, text: String| wrong.extend(bad.then_some(text));
        is(self.acknowledged == 0 || self.lent == 0, "nothing was acknowledged or lent".into());
        is(self.lost > 0, format!("{} acknowledged or lent tokens are alive", self.lost));
        is(self.waiting, "something still waits".into());
        let others = self.ends.keys().any(|state| state != "revoked");
        is(others, format!("rows ended otherwise than revoked: {:?}", self.ends));
        let twice = self.twice_without_a_crash;
        is(twice > 0, format!("{twice} secrets were revoked twice without a crash"));
        let (twice, most) = (self.revoked_twice, self.at_most_twice);
        is(twice > most, format!("{twice} secrets were revoked twice, {most} may be"));
        let (open, kills) = (self.chains_open, self.kills);
        is(open != kills, format!("{open} audit chains were not closed, {kills} kills"));
        for (phase, seen) in &self.phases {
            let late = format!("a request took {:.1?}: {}", seen.longest, phase.name);
            is(seen.longest > BOUND, late);
            let unexplained = |(kind, cause): &&(Kind, String)| !explains(phase.name, *kind, cause);
            for (kind, cause) in seen.failed.keys().filter(unexplained) {
                is(true, format!("{}, {}: {cause}", phase.name, kind.name()));
            }
        }
        let cut_off = self.failed("kill");
        let open = self.open_at_kills;
        is(
            cut_off > open,
            format!("{cut_off} requests were cut off, {open} connections were open"),
        );
        wrong
    }
}

/// Whether that may become of a request in a step of this kind.
fn explains(phase: &str, kind: Kind, cause: &str) -> bool {
    match phase {
        "calm" | "upgrade" => false,
        "kill" | WITHOUT_DRAIN => cause == CUT_OFF,
        _ => kind.needs_database() && cause == UNAVAILABLE,
    }
}

impl fmt::Display for Night {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: String| writeln!(f, "  {name:<22}{text}");
        line("took", format!("{:.0?}", self.took))?;
        for (phase, seen) in &self.phases {
            let failed: usize = seen.failed.values().sum();
            let text = format!("{} requests, {failed} failed", seen.requests);
            line(phase.name, format!("{text}; the longest took {:.1?}", seen.longest))?;
            for ((kind, cause), count) in &seen.failed {
                line("", format!("{count} {} {cause}", kind.name()))?;
            }
        }
        if self.open_at_kills > 0 {
            line("open at the kills", format!("{} connections", self.open_at_kills))?;
        }
        if !self.longest_recovery.is_zero() {
            let recovery = self.longest_recovery;
            line("in use again within", format!("{recovery:.1?} of the database's return"))?;
        }
        line("acknowledged, lent", format!("{}, {}", self.acknowledged, self.lent))?;
        line("reports sent again", self.resent.to_string())?;
        line("lost", self.lost.to_string())?;
        let twice = self.revoked_twice;
        line(
            "revoked twice",
            format!("{twice}, before the first crash {}", self.twice_without_a_crash),
        )?;
        let ends: Vec<String> = self.ends.iter().map(|(s, count)| format!("{s} {count}")).collect();
        line("rows", ends.join(", "))?;
        let (chains, open) = (self.chains, self.chains_open);
        let entries = self.entries;
        line("audit log", format!("{entries} entries in {chains} chains, {open} not closed"))?;
        for wrong in self.wrong() {
            line("WRONG", wrong)?;
        }
        write!(f, "  {}", if self.is_good() { "everything held" } else { "NOT EVERYTHING HELD" })
    }
}
