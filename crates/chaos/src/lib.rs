#![doc = include_str!("../README.md")]
#![expect(clippy::expect_used, reason = "a harness cannot go on where its own means fail")]

mod audit;
mod client;
mod config;
mod database;
mod evidence;
mod fleet;
mod leaks;
mod ledger;
mod load;
mod night;
mod plan;
mod process;
mod proxy;
mod remains;
mod run;
mod search;
mod summary;
mod weather;
mod witness;

pub use client::Client;
pub use evidence::Evidence;
pub use night::{Night, Options as NightOptions, Step, go_through};
pub use plan::{Death, Leaving, Plan, Round, Size};
pub use process::{Place, Process, Setup, Stall, faulty_beside};
pub use proxy::Proxy;
pub use run::{Options, run};
pub use search::{Searched, Words};
pub use summary::{Deaths, Delays, Summary};
pub use weather::Weather;
