//! The binary that the chaos harness runs: `portcullis`, and an ear for orders to die.
//!
//! A line on standard input is an order (`portcullis_base::fault::arm`), and so is the variable
//! `PORTCULLIS_FAULT`, for points that are passed before anybody could speak to the process. An empty
//! line orders nothing and binds it to whoever wrote it: it ends when its standard input does.

use std::io::BufRead as _;
use std::process::ExitCode;

use clap::Parser as _;
use portcullis_base::fault;
use portcullis_gateway::cli::Cli;
use portcullis_gateway::commands;
use portcullis_gateway::config::Environment;

/// How it ends when nobody is left to give orders.
const ORPHANED: i32 = 3;

fn main() -> ExitCode {
    eprintln!("warning: this binary can be ordered to die: never use it but to test");
    #[expect(
        clippy::disallowed_methods,
        reason = "no key of the configuration: only this binary has it"
    )]
    if let Ok(order) = std::env::var("PORTCULLIS_FAULT") {
        obey(&order);
    }
    std::thread::spawn(|| {
        let mut heard = false;
        for order in std::io::stdin().lock().lines().map_while(Result::ok) {
            obey(&order);
            heard = true;
        }
        // Whoever gave orders is dead, and would have killed it. A terminal or /dev/null gives none.
        if heard {
            std::process::exit(ORPHANED);
        }
    });
    commands::run(&Cli::parse(), &Environment::of_process())
}

fn obey(order: &str) {
    if order.is_empty() {
        return;
    }
    match fault::arm(order) {
        Ok(()) => eprintln!("ordered to die: {order}"),
        Err(error) => eprintln!("error: fault: {error}"),
    }
}
