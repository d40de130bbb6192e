//! The chaos harness on the command line.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use portcullis_base::{Randomness as _, SystemRandomness};
use portcullis_chaos::{
    Evidence, NightOptions, Options, Plan, Size, Step, faulty_beside, go_through, run,
};

/// Kill real gateways under load, and look whether anything that was acknowledged is lost.
#[derive(Debug, Parser)]
#[command(name = "portcullis-chaos", args_conflicts_with_subcommands = true)]
struct Cli {
    /// Without one: kills, stalls and outages, drawn from a seed
    #[command(subcommand)]
    scenario: Option<Scenario>,
    /// The database under the gateways: one gateway on SQLite, several on Postgres
    #[arg(long, value_enum, default_value = "both")]
    database: Database,
    /// Kills on each database [default: 12; with --long 100]
    #[arg(long)]
    kills: Option<usize>,
    /// Tokens to be acknowledged on each database [default: 1500; with --long 10000]
    #[arg(long)]
    tokens: Option<usize>,
    /// Gateways on one Postgres
    #[arg(long, default_value_t = 3, value_parser = at_least_one)]
    gateways: usize,
    /// Kill from outside alone, never at a chosen point
    #[arg(long)]
    no_points: bool,
    /// The long form
    #[arg(long)]
    long: bool,
    /// Replay the faults of this seed
    #[arg(long)]
    seed: Option<u64>,
    /// Say what would go wrong, and do nothing
    #[arg(long)]
    plan: bool,
    /// The gateway's program [default: portcullis-faulty beside this one]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// A night for replicas behind a balancer, under all that clients ask.
#[derive(Debug, Subcommand)]
enum Scenario {
    /// Upgrade each replica, one after the other; then kill each
    Rolling {
        #[command(flatten)]
        night: NightArgs,
        /// The program of an earlier version that is upgraded first
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Stop the database, crash it, and have it fall silent
    Outage {
        #[command(flatten)]
        night: NightArgs,
    },
}

#[derive(Debug, clap::Args)]
struct NightArgs {
    /// How often
    #[arg(long, default_value_t = 1, value_parser = at_least_one)]
    rounds: usize,
    /// Gateways on one Postgres
    #[arg(long, default_value_t = 3, value_parser = at_least_one)]
    gateways: usize,
    /// The gateway's program [default: portcullis-faulty beside this one]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
    Both,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(scenario) = &cli.scenario {
        return if spend(scenario) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let seed = cli.seed.unwrap_or_else(fresh_seed);
    let binary = program(cli.binary.as_ref());
    let mut good = true;
    for server in [false, true] {
        if cli.database == (if server { Database::Sqlite } else { Database::Postgres }) {
            continue;
        }
        let options = Options { seed, size: cli.size(server), binary: binary.clone() };
        let name = if server { "Postgres" } else { "SQLite" };
        let plural = if options.size.gateways == 1 { "" } else { "s" };
        println!("{name}, {} gateway{plural}, seed {seed}", options.size.gateways);
        good &= if cli.plan { tell(&options) } else { carry_out(&options) };
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Cli {
    fn size(&self, server: bool) -> Size {
        let (kills, tokens) = if self.long { (100, 10_000) } else { (12, 1500) };
        Size {
            kills: self.kills.unwrap_or(kills),
            tokens: self.tokens.unwrap_or(tokens),
            gateways: if server { self.gateways } else { 1 },
            server,
            points: !self.no_points,
        }
    }
}

/// Each gateway is started in a folder of its own.
fn program(given: Option<&PathBuf>) -> PathBuf {
    given.and_then(|file| std::path::absolute(file).ok()).unwrap_or_else(beside)
}

fn spend(scenario: &Scenario) -> bool {
    let (night, from, words) = match scenario {
        Scenario::Rolling { night, from } => (night, from.as_ref(), "rolling"),
        Scenario::Outage { night } => (night, None, "outage"),
    };
    let steps = match scenario {
        Scenario::Rolling { .. } => Step::rolling(night.gateways, night.rounds),
        Scenario::Outage { .. } => Step::outages(night.rounds),
    };
    let options = NightOptions {
        binary: program(night.binary.as_ref()),
        from: from.map(|file| program(Some(file))),
        replicas: night.gateways,
        steps,
        short: false,
    };
    println!("{words}, {} gateways on one Postgres, {} round(s)", night.gateways, night.rounds);
    let evidence = Evidence::of_night(words, night.rounds, night.gateways);
    let summary = runtime().block_on(go_through(&options, evidence.folder(), &narrate));
    wipe();
    println!("{summary}\n");
    if summary.is_good() {
        evidence.discard();
    }
    summary.is_good()
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("the system has threads")
}

/// On a terminal one line is written over and over; a log keeps them all.
fn narrate(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K{text}");
    } else {
        eprintln!("{text}");
    }
}

fn wipe() {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
}

fn tell(options: &Options) -> bool {
    for (number, round) in Plan::draw(options.seed, options.size).rounds.iter().enumerate() {
        println!("{:>4} {round}", number + 1);
    }
    true
}

fn carry_out(options: &Options) -> bool {
    let evidence = Evidence::of(options);
    let summary = runtime().block_on(run(options, evidence.folder(), &narrate));
    wipe();
    println!("{summary}\n");
    if summary.is_good() {
        evidence.discard();
    }
    summary.is_good()
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "must be at least 1".to_owned())
}

fn fresh_seed() -> u64 {
    let mut bytes = [0; 4];
    SystemRandomness.fill(&mut bytes);
    u32::from_le_bytes(bytes).into()
}

fn beside() -> PathBuf {
    let here = std::env::current_exe().expect("a program knows where it is");
    faulty_beside(&here)
}
