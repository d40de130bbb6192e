//! A bad night: replicas behind a balancer are upgraded, killed, and lose their database, one after the other,
//! under a mixed load of all that clients ask. Every request that fails is counted, with its cause.

mod balancer;
mod step;
mod told;
mod traffic;

pub use step::Step;
pub use told::Night;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{FakeGitlab, TokenSpec, TokenState};
use portcullis_test_support::{SigningKey, private_jwks};

use crate::audit::Log;
use crate::client::{self, Client};
use crate::database::Database;
use crate::process::{Process, Setup};
use crate::proxy::Proxy;
use crate::witness::{Memory, Witness};
use crate::{ledger, remains};
use balancer::Balancer;
use traffic::{BORROWER, Done, Traffic};

/// How long `/ready` says that a replica leaves before it does: several looks of the balancer, and a use of every
/// kept connection, also where the machine stands still for a moment.
const DRAIN: Duration = Duration::from_secs(3);
/// For the same reason: a call that is given up is made twice, which only a crash may cause.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a killed replica stays away.
const DEAD: Duration = Duration::from_millis(500);
/// For so long nothing may be turned away before the outage counts as over.
const QUIET: Duration = Duration::from_secs(2);
/// The same after a silence: longer than a statement is waited for that was begun on a silent connection just before
/// the database was heard again.
const QUIET_AFTER_SILENCE: Duration = Duration::from_secs(6);
/// It must be over by then.
const SETTLED: Duration = Duration::from_secs(30);

/// How long things last.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// How long the database is away.
    away: Duration,
    /// How long it is silent. On what was under way then it is silent for ever, also when others hear it again.
    silent: Duration,
    /// Between two steps.
    calm: Duration,
}

/// Silent for longer than any statement is waited for.
const LONG: Times = Times {
    away: Duration::from_secs(3),
    silent: Duration::from_secs(8),
    calm: Duration::from_secs(1),
};
/// Silent for longer than a connection is waited for.
const SHORT: Times = Times {
    away: Duration::from_secs(1),
    silent: Duration::from_secs(5),
    calm: Duration::from_millis(300),
};
const BETWEEN: Duration = Duration::from_millis(100);
/// How long it may take until a replica is in use again, or all is dead that must be: tokens that nobody was
/// given are found when the lease of the one who had them made has run out, and the duty to look has passed on.
const PATIENCE: Duration = Duration::from_mins(3);
/// Tokens of one provider that a replica revokes at a time.
const CONCURRENCY: usize = 16;
/// GitLab's own tokens, and those that it made for jobs.
const PROVIDERS: usize = 2;

const ADMIN_TOKEN: &str = "glpat-the-administrator-of-tests-01";

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway's program.
    pub binary: PathBuf,
    /// The one that is upgraded first, where it is another: an earlier version, which may not drain.
    pub from: Option<PathBuf>,
    /// Gateways on one Postgres.
    pub replicas: usize,
    /// What happens, in this order.
    pub steps: Vec<Step>,
    /// Short pauses and outages, and nobody waits until also tokens are dead that nobody was given, because
    /// their maker was killed: that takes up to a minute.
    pub short: bool,
}

/// A night under way.
struct World {
    gitlab: Arc<FakeGitlab>,
    database: Database,
    replicas: Vec<Process>,
    proxies: Vec<Proxy>,
    balancer: Balancer,
    traffic: Traffic,
    witness: Witness,
    binary: PathBuf,
    /// Whether replicas may be of a version that does not drain.
    old: bool,
    short: bool,
    times: Times,
    night: Night,
}

/// Goes through a night, telling each step to `narrate`, and returns what came of it. Nothing is left running,
/// and the folder may be thrown away.
///
/// # Panics
/// Where a gateway, Postgres or a folder fails in a way that is no subject of the night.
pub async fn go_through(
    options: &Options,
    folder: &Path,
    narrate: &(dyn Fn(&str) + Sync),
) -> Night {
    let began = Instant::now();
    let mut world = World::start(options, folder).await;
    tokio::time::sleep(world.times.calm).await;
    for (number, step) in options.steps.iter().enumerate() {
        narrate(&format!("{:>3}/{} {step}", number + 1, options.steps.len()));
        world.traffic.enter(Some(*step), world.old);
        world.take(*step).await;
        world.traffic.enter(None, false);
        tokio::time::sleep(world.times.calm).await;
    }
    narrate("the night is over; waiting until everything is dead that must be");
    let mut night = world.aftermath(folder).await;
    night.took = began.elapsed();
    night
}

impl World {
    async fn start(options: &Options, folder: &Path) -> Self {
        let gitlab = Arc::new(FakeGitlab::start());
        let scopes = ["api", "sudo"].map(str::to_owned).into();
        let administrator = TokenSpec { admin: true, user_id: 1, scopes, ..TokenSpec::default() };
        gitlab.add_token_with(ADMIN_TOKEN, administrator);
        let database = Database::start(true, folder).await;
        let more = surfaces(&gitlab, folder);
        let (mut replicas, mut proxies) = (Vec::new(), Vec::new());
        for number in 1..=options.replicas {
            let directory = folder.join(format!("gateway-{number}"));
            std::fs::create_dir(&directory).expect("a fresh folder can be written to");
            let (place, proxy) = database.place().await;
            let setup = Setup {
                binary: options.from.as_ref().unwrap_or(&options.binary).clone(),
                place,
                directory,
                gitlab: gitlab.url().to_owned(),
                max_batch: 1000,
                call_timeout: CALL_TIMEOUT,
                more: more.clone(),
            };
            replicas.push(match &options.from {
                Some(_) => Process::start(setup).await,
                None => Process::start_draining(setup, DRAIN).await,
            });
            proxies.extend(proxy);
        }
        let clients: Vec<Client> = replicas.iter().map(|one| one.client().clone()).collect();
        let balancer = Balancer::before(&clients).await;
        let pat = clients[0].mint().await.expect("a replica that is ready mints").token;
        Self {
            traffic: Traffic::start(&gitlab, balancer.url(), pat),
            witness: Witness::start(&clients),
            night: Night::of(options.replicas),
            binary: options.binary.clone(),
            old: options.from.is_some(),
            short: options.short,
            times: if options.short { SHORT } else { LONG },
            gitlab,
            database,
            replicas,
            proxies,
            balancer,
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Upgrade(number) => {
                self.replicas[number].drain_after(DRAIN);
                self.replicas[number].replace(&self.binary).await;
                self.until_in_use(number).await;
                // All of them were, or will not be.
                self.old &= number + 1 < self.replicas.len();
                if self.night.crashes == 0 {
                    self.night.twice_without_a_crash = revoked_twice(&self.gitlab);
                }
            }
            Step::Kill(number) => {
                // What is on its way in the kernel is cut off as well.
                self.night.open_at_kills += self.balancer.open(number);
                self.replicas[number].kill();
                self.night.crashes += 1;
                self.night.kills += 1;
                self.night.at_most_twice += CONCURRENCY * PROVIDERS;
                tokio::time::sleep(DEAD).await;
                self.replicas[number].start_again().await;
                self.until_in_use(number).await;
            }
            Step::Outage(leaving) => {
                self.database.outage(leaving, self.times.away).await;
                self.database_was_away(QUIET).await;
            }
            Step::Silence => {
                self.proxies.iter().for_each(Proxy::freeze);
                tokio::time::sleep(self.times.silent).await;
                self.proxies.iter().for_each(Proxy::thaw);
                self.database_was_away(QUIET_AFTER_SILENCE).await;
            }
        }
    }

    async fn until_in_use(&self, number: usize) {
        let until = Instant::now() + PATIENCE;
        while !self.balancer.uses(number) {
            assert!(Instant::now() < until, "replica {number} is ready and not used");
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Without a restart of any: connections that died while nobody used them are found by their next user.
    async fn database_was_away(&mut self, calm: Duration) {
        self.night.crashes += 1;
        // What could not be written down in time is done once more.
        self.night.at_most_twice += self.replicas.len() * CONCURRENCY * PROVIDERS;
        let back = Instant::now();
        for number in 0..self.replicas.len() {
            self.until_in_use(number).await;
        }
        self.night.longest_recovery = self.night.longest_recovery.max(back.elapsed());
        self.until_quiet_for(calm).await;
    }

    /// By the number of looks and not by the clock, which goes on also while nothing else does. What is turned away
    /// after [`SETTLED`] is held against the calm.
    async fn until_quiet_for(&self, calm: Duration) {
        let (mut quiet, mut failed) = (Duration::ZERO, self.traffic.failed());
        let mut waited = Duration::ZERO;
        while quiet < calm && waited < SETTLED {
            tokio::time::sleep(BETWEEN).await;
            let before = std::mem::replace(&mut failed, self.traffic.failed());
            quiet = if failed == before { quiet + BETWEEN } else { Duration::ZERO };
            waited += BETWEEN;
        }
    }

    async fn aftermath(self, folder: &Path) -> Night {
        let clients: Vec<Client> = self.replicas.iter().map(|one| one.client().clone()).collect();
        let done = self.traffic.stop().await;
        let mut night = self.night;
        night.lost = all_dead(&self.gitlab, &done, !self.short).await;
        let until = Instant::now() + PATIENCE;
        while clients[0].something_waits().await.unwrap_or(true) && Instant::now() < until {
            tokio::time::sleep(BETWEEN).await;
        }
        night.waiting = clients[0].something_waits().await.unwrap_or(true);
        night.violations = held_against_attempts(&clients, self.witness.stop().await).await;
        night.ends = clients[0].count_ends().await;
        night.revoked_twice = revoked_twice(&self.gitlab);
        (night.acknowledged, night.lent) = (done.acknowledged.len(), done.lent.len());
        (night.phases, night.resent) = (done.phases, done.resent);
        let log = Log::of(self.replicas[0].setup());
        for replica in self.replicas {
            replica.stop().await;
        }
        let audited = log.verify().await;
        (night.chains, night.chains_open) = (audited.chains, audited.open);
        night.entries = audited.entries;
        night.violations.extend(audited.violations);
        let remains = remains::search(folder, clients.len(), &self.database, &[]).await;
        night.violations.extend(remains.refused.iter().map(|at| format!("Postgres refused {at}")));
        night
    }
}

/// The broker, and the re-signer of the same GitLab's tokens.
fn surfaces(gitlab: &FakeGitlab, folder: &Path) -> String {
    let file = folder.join("ours.json");
    let keys = private_jwks([&SigningKey::generate("ES256", "ours")]).to_string();
    std::fs::write(&file, keys).expect("the folder can be written to");
    let (url, file) = (gitlab.url(), file.display());
    format!(
        "[impersonation]\ngitlab_url = \"{url}\"\nadmin_token = \"{ADMIN_TOKEN}\"\nrevoke_seconds = 2\n\
         jwt.audiences = [\"https://portcullis.example.com\"]\n\
         per_user = {{ per_second = 10000, burst = 10000 }}\n\
         per_project = {{ per_second = 10000, burst = 10000 }}\n\
         [oidc_proxy]\njwks_file = \"{file}\"\nsigning_algs = [\"ES256\"]\nupstream_issuer = \"{url}\"\n"
    )
}

/// How many secrets GitLab was asked to revoke more than once.
fn revoked_twice(gitlab: &FakeGitlab) -> usize {
    let mut times = HashMap::<String, usize>::new();
    for request in gitlab.requests().into_iter().filter(|request| request.method == "DELETE") {
        let lent = request.path.contains("/impersonation_tokens/");
        let secret = if lent { Some(request.path) } else { request.private_token };
        *times.entry(secret.unwrap_or_default()).or_default() += 1;
    }
    times.into_values().filter(|times| *times > 1).count()
}

/// Waits until everything is dead that was acknowledged or made. Returns how much is not.
async fn all_dead(gitlab: &FakeGitlab, done: &Done, orphans: bool) -> usize {
    let alive = |token: &&String| gitlab.state(token) != Some(TokenState::Revoked);
    let until = Instant::now() + PATIENCE;
    loop {
        let told = done.acknowledged.iter().chain(&done.lent).filter(alive).count();
        let made = if orphans { gitlab.impersonation_tokens(BORROWER) } else { Vec::new() };
        let left = told + made.iter().filter(|token| token.state == TokenState::Active).count();
        if left == 0 || Instant::now() > until {
            return left;
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn held_against_attempts(clients: &[Client], mut memory: Memory) -> Vec<String> {
    let Some(rows) = client::rows(clients, "").await else {
        return vec!["the queue cannot be read".into()];
    };
    let compared = ledger::compare(&clients[0], &rows).await;
    memory.compare(rows);
    let never = (memory.looks == 0).then(|| "the queue was never looked at".to_owned());
    compared.violations.into_iter().chain(memory.violations).chain(never).collect()
}
