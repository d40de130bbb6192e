//! The chaos harness on the command line.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use portcullis_base::{Randomness as _, SystemRandomness};
use portcullis_chaos::{Options, Plan, Size, run};

/// Kill real gateways under load, and look whether anything that was acknowledged is lost.
#[derive(Debug, Parser)]
#[command(name = "portcullis-chaos")]
struct Cli {
    /// The database under the gateways: one gateway on SQLite, three on Postgres
    #[arg(long, value_enum, default_value = "both")]
    database: Database,
    /// Kills on each database [default: 12; with --long 100]
    #[arg(long)]
    kills: Option<usize>,
    /// Tokens to be acknowledged on each database [default: 1500; with --long 10000]
    #[arg(long)]
    tokens: Option<usize>,
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
    let binary = cli.binary.clone().unwrap_or_else(beside);
    let mut good = true;
    for (name, server) in [("SQLite, 1 gateway", false), ("Postgres, 3 gateways", true)] {
        if cli.database == (if server { Database::Sqlite } else { Database::Postgres }) {
            continue;
        }
        println!("{name}, seed {seed}");
        let options = Options { seed, size: cli.size(server), binary: binary.clone() };
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
            gateways: if server { 3 } else { 1 },
            server,
            points: true,
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
    // Kept until it is known that nobody needs it, also where the harness itself panics.
    let folder = portcullis_test_support::scratch_dir().keep();
    // On a terminal one line is written over and over; a log keeps them all.
    let terminal = std::io::stderr().is_terminal();
    let narrate = |text: &str| {
        if terminal { eprint!("\r\x1b[2K{text}") } else { eprintln!("{text}") }
    };
    let summary = runtime.block_on(run(options, &folder, &narrate));
    if terminal {
        eprint!("\r\x1b[2K");
    }
    println!("{summary}\n");
    if summary.is_good() {
        drop(std::fs::remove_dir_all(folder));
        return true;
    }
    let Size { kills, tokens, server, .. } = options.size;
    let database = if server { "postgres" } else { "sqlite" };
    println!("  everything is kept at {}", folder.display());
    println!(
        "  replay with --database {database} --seed {} --kills {kills} --tokens {tokens}",
        options.seed
    );
    false
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
