//! The chaos harness on the command line.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use portcullis_base::{Randomness as _, SystemRandomness};
use portcullis_chaos::{Evidence, Options, Plan, Size, run};

/// Kill real gateways under load, and look whether anything that was acknowledged is lost.
#[derive(Debug, Parser)]
#[command(name = "portcullis-chaos")]
struct Cli {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
    Both,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(fresh_seed);
    // Each gateway is started in a folder of its own.
    let binary = cli.binary.as_ref().and_then(|file| std::path::absolute(file).ok());
    let binary = binary.unwrap_or_else(beside);
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

fn tell(options: &Options) -> bool {
    for (number, round) in Plan::draw(options.seed, options.size).rounds.iter().enumerate() {
        println!("{:>4} {round}", number + 1);
    }
    true
}

fn carry_out(options: &Options) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the system has threads");
    let evidence = Evidence::of(options);
    // On a terminal one line is written over and over; a log keeps them all.
    let terminal = std::io::stderr().is_terminal();
    let narrate = |text: &str| {
        if terminal { eprint!("\r\x1b[2K{text}") } else { eprintln!("{text}") }
    };
    let summary = runtime.block_on(run(options, evidence.folder(), &narrate));
    if terminal {
        eprint!("\r\x1b[2K");
    }
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
    here.with_file_name("portcullis-faulty")
}
