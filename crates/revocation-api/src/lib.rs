#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod batch;
mod clients;
mod docs;
mod handlers;
mod item;
mod items;
mod jobs;
mod large;
pub mod partners;
mod public_keys;
mod splitter;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use arc_swap::ArcSwap;
use portcullis_revocation::intake::Intake;
use portcullis_web::{PerAddress, Rate};

pub use clients::{ClientConfig, Types};
pub use docs::reported_items;
pub use handlers::routes;
pub use items::{Judged, RejectedItem, Rejection, judge};
pub use jobs::{JobConfig, JobReporters, NoReporter};
pub use public_keys::{PublicKeys, public_key_routes};
pub use splitter::{ArraySplitter, Broken, Element};

use clients::Clients;
use jobs::Jobs;
use large::Large;

/// Fingerprints that the audit log names of one call; of more there is the count.
pub const NAMED: usize = 100;

/// How the API behaves.
#[derive(Debug)]
pub struct Config {
    /// Who may report.
    pub clients: Vec<ClientConfig>,
    /// Which CI jobs may report, if any may.
    pub jobs: Option<JobConfig>,
    /// Items per commit.
    pub max_batch: usize,
    /// The longest body, in bytes.
    pub max_body: u64,
    /// With more than this in the queue, callers are told to wait.
    pub max_waiting: u64,
    /// Failed authentications let through per address.
    pub failed_authentications: Rate,
}

/// The API's state: app data of its handlers.
pub struct RevocationApi {
    intake: Arc<Intake>,
    clients: ArcSwap<Clients>,
    jobs: Option<Jobs>,
    failures: PerAddress,
    max_batch: usize,
    max_body: u64,
    max_waiting: u64,
    /// Bytes of reports that all requests together have read and not committed.
    gathered: AtomicUsize,
    large: Large,
}

impl RevocationApi {
    /// Over this intake.
    pub fn new(config: Config, intake: Arc<Intake>) -> Self {
        Self {
            intake,
            clients: ArcSwap::from_pointee(Clients::new(config.clients)),
            jobs: config.jobs.map(Jobs::new),
            failures: PerAddress::new(config.failed_authentications),
            max_batch: config.max_batch,
            max_body: config.max_body,
            max_waiting: config.max_waiting,
            gathered: AtomicUsize::new(0),
            large: Large::default(),
        }
    }

    /// These clients from now on, and no others. Requests under way go on as whom they came in.
    pub fn replace_clients(&self, clients: Vec<ClientConfig>) {
        let after = Clients::after(Some(&self.clients.load()), clients);
        self.clients.store(Arc::new(after));
    }
}

/// What the parser makes of a whole body, item by item; for fuzzing and for tools.
pub fn parse(body: &[u8]) -> (Vec<Judged>, Result<(), Broken>) {
    let mut splitter = ArraySplitter::default();
    let mut judged = Vec::new();
    let fed = splitter.feed(body, |element| judged.push(judge(element)));
    (judged, fed.and_then(|()| splitter.finish()))
}
