//! What came of a run.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use portcullis_base::fault::Point;
use portcullis_fake_gitlab::FakeGitlab;

use crate::load::Done;
use crate::plan::Death;

/// Lines about what is wrong that are printed; the first ones say enough.
const TOLD: usize = 20;

/// A point that was ordered as often must have been reached.
const OFTEN: usize = 3;

/// What was done and what was seen.
#[derive(Debug)]
pub struct Summary {
    /// What the plan was drawn from.
    pub seed: u64,
    /// How long all of it took.
    pub took: Duration,
    /// How often the plan ordered a gateway to die at each point.
    pub ordered: BTreeMap<&'static str, usize>,
    /// Distinct tokens whose report was answered 204.
    pub acknowledged: usize,
    /// Distinct tokens that were reported, our own among them, whatever was answered.
    pub sent: usize,
    /// Reports answered 204.
    pub reports: usize,
    /// Reports not answered so, and sent again.
    pub resent: usize,
    /// Kills and outages.
    pub deaths: Deaths,
    /// How many rows ended how.
    pub ends: BTreeMap<String, usize>,
    /// Acknowledged tokens that are still alive.
    pub lost: usize,
    /// From the answer to the request that killed.
    pub delays: Delays,
    /// Our own tokens that were leaked.
    pub leaked: usize,
    /// Times at which one of them was let in before.
    pub used: usize,
    /// How long after its report one was last let in.
    pub longest_leak: Duration,
    /// How often the whole queue was looked at.
    pub looks: usize,
    /// Rows that were seen ended before the last look.
    pub watched: usize,
    /// Rows claimed more than once whose end was held against their attempts.
    pub compared: usize,
    /// Ends that came under a lease that had run out, and were not written.
    pub dropped: usize,
    /// Files searched for secrets.
    pub files: usize,
    /// Their bytes.
    pub searched: u64,
    /// Secrets looked for, each form counted.
    pub words: usize,
    /// Chains of the audit log.
    pub chains: usize,
    /// Their entries.
    pub entries: u64,
    /// Where one was found.
    pub found: Vec<String>,
    /// Whatever else may not be.
    pub violations: Vec<String>,
}

/// How gateways died.
#[derive(Debug, Default)]
pub struct Deaths {
    /// By SIGKILL from outside.
    pub from_outside: usize,
    /// At each point, by order.
    pub at_points: BTreeMap<&'static str, usize>,
    /// Ordered to die at a point that they did not come by, and killed from outside.
    pub not_reached: usize,
    /// Times at which Postgres went away.
    pub outages: usize,
    /// Times at which a gateway stood still for longer than its leases last.
    pub stalls: usize,
}

/// How long acknowledged tokens lived.
#[derive(Debug, Default)]
pub struct Delays {
    /// Half of them at the most.
    pub half: Duration,
    /// 99 of 100 at the most.
    pub most: Duration,
    /// All of them.
    pub all: Duration,
    /// Tokens that were deleted more than once: after a crash nobody knows that it was done.
    pub twice: usize,
}

impl Summary {
    /// Whether everything held.
    pub fn is_good(&self) -> bool {
        self.wrong().is_empty()
    }

    /// Everything that may not be, a line each.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = self.never_tried();
        let mut is = |bad: bool, text: String| wrong.extend(bad.then_some(text));
        is(self.lost > 0, format!("{} acknowledged tokens are alive", self.lost));
        // Each of them was alive when it was reported, so its death was ours.
        let revoked = self.ends.get("revoked").copied().unwrap_or(0);
        let others = self.ends.values().sum::<usize>() - revoked;
        is(others > 0, format!("{others} rows ended otherwise than revoked"));
        // What was sent and not acknowledged may be there or not.
        let (least, most) = (self.acknowledged + self.leaked, self.sent);
        let outside = !(least..=most).contains(&revoked);
        is(outside, format!("{revoked} rows are revoked, not {least} to {most}"));
        wrong.extend(self.found.iter().map(|place| format!("a secret lies in {place}")));
        wrong.extend(self.violations.iter().cloned());
        wrong
    }

    /// What the run says nothing about, because it did not happen.
    fn never_tried(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut is = |bad: bool, text: &str| wrong.extend(bad.then(|| text.to_owned()));
        is(self.acknowledged == 0, "nothing was acknowledged");
        is(self.leaked == 0, "no own token was leaked");
        is(self.used == 0, "no own token was ever let in");
        is(self.looks == 0, "the queue was never looked at");
        is(self.watched == 0, "no row was seen ended before the last look");
        is(self.files == 0 || self.searched == 0, "nothing was searched for secrets");
        is(self.words == 0, "no secret was looked for");
        is(self.deaths.stalls > 0 && self.dropped == 0, "no stall made any end late");
        let (missed, orders) = (self.deaths.not_reached, self.ordered.values().sum::<usize>());
        is(missed * 10 > orders, &format!("{missed} of {orders} ordered deaths did not come"));
        for (point, times) in &self.ordered {
            let never = *times >= OFTEN && !self.deaths.at_points.contains_key(point);
            is(never, &format!("{point} was ordered {times} times and never reached"));
        }
        wrong
    }
}

impl Deaths {
    pub(crate) fn count(&mut self, death: Death, as_ordered: bool) {
        match death {
            Death::After(_) => self.from_outside += 1,
            Death::At(point, _) | Death::AtStart(point) if as_ordered => self.at(point),
            Death::At(..) | Death::AtStart(_) => self.not_reached += 1,
        }
    }

    fn at(&mut self, point: Point) {
        *self.at_points.entry(point.name()).or_default() += 1;
    }

    /// All of them.
    pub fn kills(&self) -> usize {
        self.from_outside + self.not_reached + self.at_points.values().sum::<usize>()
    }
}

impl Delays {
    pub(crate) fn measure(gitlab: &FakeGitlab, done: &Done) -> Self {
        let mut first = HashMap::<String, (Instant, usize)>::new();
        for request in gitlab.requests().into_iter().filter(|r| r.method == "DELETE") {
            if let Some(token) = request.private_token {
                first.entry(token).or_insert((request.at, 0)).1 += 1;
            }
        }
        let delay = |(token, at): (&String, &Instant)| {
            Some(first.get(token)?.0.saturating_duration_since(*at))
        };
        let mut delays: Vec<Duration> = done.acknowledged.iter().filter_map(delay).collect();
        delays.sort_unstable();
        let at = |share: usize| {
            delays.get((delays.len() * share / 100).min(delays.len().saturating_sub(1)))
        };
        let at = |share| at(share).copied().unwrap_or_default();
        let twice = first.values().filter(|(_, times)| *times > 1).count();
        Self { half: at(50), most: at(99), all: at(100), twice }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: String| writeln!(f, "  {name:<22}{text}");
        let (deaths, delays) = (&self.deaths, &self.delays);
        let points: Vec<String> =
            deaths.at_points.iter().map(|(point, count)| format!("{point} {count}")).collect();
        line("seed", self.seed.to_string())?;
        line("took", format!("{:.0?}", self.took))?;
        line("kills", format!("{}, all by SIGKILL", deaths.kills()))?;
        line("  from outside", deaths.from_outside.to_string())?;
        line("  at chosen points", points.join(", "))?;
        line("  points not reached", format!("{} (killed from outside)", deaths.not_reached))?;
        line("database outages", deaths.outages.to_string())?;
        line("stalls", format!("{}, {} late ends dropped", deaths.stalls, self.dropped))?;
        line("tokens acknowledged", format!("{} in {} reports", self.acknowledged, self.reports))?;
        line("reports sent again", self.resent.to_string())?;
        line("lost", self.lost.to_string())?;
        let ends: Vec<String> = self.ends.iter().map(|(s, count)| format!("{s} {count}")).collect();
        line("rows", ends.join(", "))?;
        line("ends watched", format!("{} rows, in {} looks", self.watched, self.looks))?;
        line("  against attempts", format!("{} rows claimed more than once", self.compared))?;
        let lived = format!("{:.0?} / {:.1?} / {:.1?}", delays.half, delays.most, delays.all);
        line("204 to deletion", format!("{lived} (half, 99 of 100, all)"))?;
        line("deleted twice", format!("{} (after a crash)", delays.twice))?;
        let longest = self.longest_leak;
        let let_in =
            format!("{}, let in {} times before and {longest:.1?} after", self.leaked, self.used);
        line("own tokens leaked", let_in)?;
        let mebibytes = self.searched / 1_048_576;
        line(
            "secrets on disk",
            format!("{} in {} files, {mebibytes} MiB", self.found.len(), self.files),
        )?;
        line("audit log", format!("{} entries in {} chains", self.entries, self.chains))?;
        for wrong in self.wrong().into_iter().take(TOLD) {
            line("WRONG", wrong)?;
        }
        write!(f, "  {}", if self.is_good() { "everything held" } else { "NOT EVERYTHING HELD" })
    }
}

#[cfg(test)]
mod tests;
