//! One run: a plan carried out on real processes, and what was seen from outside.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{FakeGitlab, TokenState};

use crate::client::{self, Client, Row};
use crate::database::Database;
use crate::fleet::Fleet;
use crate::leaks::{self, Leaks};
use crate::ledger;
use crate::load::{Done, Load};
use crate::plan::{Death, Plan, Round, Size};
use crate::process::Stall;
use crate::remains;
use crate::summary::{Deaths, Delays, Summary};
use crate::weather::Weather;
use crate::witness::{Memory, Witness};

/// How long reports may go unacknowledged while a round is on.
const STANDSTILL: Duration = Duration::from_mins(1);
/// How long all may take to die when all is well again: a killed replica's leases run out first.
const AFTERMATH: Duration = Duration::from_mins(4);
const BETWEEN: Duration = Duration::from_millis(200);
/// How long GitLab is slow before a gateway stalls, so that all its calls are under way.
const GRIP: Duration = Duration::from_secs(1);

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the plan is drawn from.
    pub seed: u64,
    /// For what it is drawn.
    pub size: Size,
    /// The gateway's program.
    pub binary: PathBuf,
}

/// A run under way.
struct Run {
    gitlab: Arc<FakeGitlab>,
    database: Database,
    fleet: Fleet,
    load: Load,
    leaks: Leaks,
    witness: Witness,
    ordered: BTreeMap<&'static str, usize>,
    deaths: Deaths,
    violations: Vec<String>,
}

/// Carries out the plan of these options, telling each round to `narrate`, and returns what came of
/// it. Nothing is left running, and the folder may be thrown away.
///
/// # Panics
/// Where a gateway, Postgres or a folder fails in a way that is no subject of the run.
pub async fn run(options: &Options, folder: &Path, narrate: &(dyn Fn(&str) + Sync)) -> Summary {
    let began = Instant::now();
    let plan = Plan::draw(options.seed, options.size);
    let mut run = Run::start(options, &plan, folder).await;
    for (number, round) in plan.rounds.iter().enumerate() {
        narrate(&format!("{:>4}/{} {round}", number + 1, plan.rounds.len()));
        if !run.round(round).await {
            break;
        }
    }
    narrate("all faults are over; waiting until everything reported is dead");
    let mut summary = run.aftermath(folder).await;
    summary.seed = options.seed;
    summary.took = began.elapsed();
    summary
}

impl Run {
    async fn start(options: &Options, plan: &Plan, folder: &Path) -> Self {
        let gitlab = Arc::new(FakeGitlab::start());
        let database = Database::start(options.size.server, folder).await;
        let first = plan.rounds.first().and_then(|round| match round.death {
            Death::AtStart(point) => Some(point),
            Death::At(..) | Death::After(_) => None,
        });
        let (count, binary) = (options.size.gateways, &options.binary);
        let fleet = Fleet::start(count, binary, folder, &database, gitlab.url(), first).await;
        let clients = fleet.clients();
        Self {
            load: Load::start(&gitlab, &clients, options.seed),
            leaks: Leaks::start(&clients),
            witness: Witness::start(&clients),
            ordered: plan.ordered(),
            deaths: Deaths::default(),
            violations: Vec::new(),
            gitlab,
            database,
            fleet,
        }
    }

    /// Returns whether the gateways still take anything.
    async fn round(&mut self, round: &Round) -> bool {
        let goal = self.load.acknowledged() + round.tokens;
        let stall = self.stall(round).await;
        round.weather.over(&self.gitlab);
        if let Some(deaf) = round.deaf {
            self.fleet.deafen(deaf);
        }
        self.fleet.order(round.victim, round.death);
        if let Some((leaving, away)) = round.outage {
            self.database.outage(leaving, away).await;
            self.deaths.outages += 1;
        }
        let before = matches!(round.death, Death::After(_));
        let taken = !before || self.load.reach(goal, STANDSTILL).await;
        let as_ordered = self.fleet.kill(round.victim, round.death).await;
        self.deaths.count(round.death, as_ordered);
        let taken = taken && self.load.reach(goal, STANDSTILL).await;
        if let Some((stall, until, waiting)) = stall {
            tokio::time::sleep_until(until).await;
            self.end_by_others(waiting).await;
            drop(stall);
        }
        self.fleet.let_all_hear();
        if !taken {
            self.violations.push(format!("for {STANDSTILL:?} nothing was taken: {round}"));
        }
        taken
    }

    /// Has a gateway stand still while its calls are on their way to a GitLab that is too slow.
    /// Returns until when, and the rows that waited then, its own among them.
    async fn stall(&mut self, round: &Round) -> Option<(Stall, tokio::time::Instant, Vec<Row>)> {
        let (gateway, pause) = round.stalled?;
        Weather::Slow.over(&self.gitlab);
        tokio::time::sleep(GRIP).await;
        let stall = self.fleet.stall(gateway);
        self.deaths.stalls += 1;
        let until = tokio::time::Instant::now() + pause;
        let waiting = client::rows(&self.fleet.clients(), "&state=pending").await;
        Some((stall, until, waiting.unwrap_or_default()))
    }

    /// Waits until others have ended what the stalled one holds: in a backlog that takes longer than the
    /// leases. Where it takes too long, the summary tells that nothing came late.
    async fn end_by_others(&self, waiting: Vec<Row>) {
        let waiting: HashSet<String> = waiting.into_iter().map(|row| row.fingerprint).collect();
        let still = async || {
            let rows = client::rows(&self.fleet.clients(), "&state=pending").await;
            rows.unwrap_or_default().iter().any(|row| waiting.contains(&row.fingerprint))
        };
        let until = Instant::now() + STANDSTILL;
        while still().await && Instant::now() < until {
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Lets all become well, and looks at what is left.
    async fn aftermath(self, folder: &Path) -> Summary {
        self.gitlab.fault_always(None);
        let done = self.load.stop().await;
        let seen = self.leaks.stop().await;
        let lost = all_dead(&self.gitlab, &done).await;
        let mut violations = self.violations;
        let clients = self.fleet.clients();
        if !nothing_waits(&clients[0]).await {
            violations.push("something still waits".into());
        }
        // Not sooner: the leases of the killed run out last, and their ends are watched too.
        let memory = self.witness.stop().await;
        let looks = memory.looks;
        let ends = ends(&clients, self.database.is_server(), memory, &mut violations).await;
        violations.extend(leaks::all_refused(&clients, &seen.leaked).await);
        let log = self.fleet.log();
        self.fleet.stop().await;
        let audited = log.verify().await;
        violations.extend(audited.violations);
        let remains = remains::search(folder, clients.len(), &self.database, &seen.leaked).await;
        violations.extend(seen.violations);
        violations.extend(remains.refused.iter().map(|at| format!("the database refused {at}")));
        Summary {
            seed: 0,
            took: Duration::ZERO,
            delays: Delays::measure(&self.gitlab, &done),
            ordered: self.ordered,
            acknowledged: done.acknowledged.len(),
            sent: done.sent.len() + seen.sent,
            reports: done.reports,
            resent: done.resent,
            deaths: self.deaths,
            ends: ends.counts,
            watched: ends.watched,
            compared: ends.compared,
            lost,
            leaked: seen.leaked.len(),
            used: seen.used,
            longest_leak: seen.longest,
            looks,
            dropped: remains.dropped,
            files: remains.searched.files,
            searched: remains.searched.bytes,
            words: remains.words,
            chains: audited.chains,
            entries: audited.entries,
            found: remains.searched.found,
            violations,
        }
    }
}

/// How the rows ended, and whether what was seen before still is.
struct Ends {
    counts: BTreeMap<String, usize>,
    /// Rows that were seen ended before the last look.
    watched: usize,
    /// Rows that were held against their attempts.
    compared: usize,
}

async fn ends(
    clients: &[Client],
    server: bool,
    mut memory: Memory,
    violations: &mut Vec<String>,
) -> Ends {
    let watched = memory.ended();
    let mut compared = 0;
    match client::rows(clients, "").await {
        // On a file one process has the rows to itself.
        Some(rows) if server => {
            let ledger = ledger::compare(&clients[0], &rows).await;
            compared = ledger.rows;
            violations.extend(ledger.violations);
            memory.compare(rows);
        }
        Some(rows) => memory.compare(rows),
        None => violations.push("the queue cannot be read".into()),
    }
    violations.extend(memory.violations);
    Ends { counts: clients[0].count_ends().await, watched, compared }
}

/// Waits until every acknowledged token is dead at GitLab. Returns how many are not.
async fn all_dead(gitlab: &FakeGitlab, done: &Done) -> usize {
    let alive = |token: &&String| gitlab.state(token) != Some(TokenState::Revoked);
    let until = Instant::now() + AFTERMATH;
    loop {
        let left = done.acknowledged.keys().filter(alive).count();
        if left == 0 || Instant::now() > until {
            return left;
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn nothing_waits(client: &Client) -> bool {
    let until = Instant::now() + AFTERMATH;
    while Instant::now() < until {
        if client.something_waits().await.is_ok_and(|waits| !waits) {
            return true;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    false
}
