//! The gateways of a run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_base::fault::Point;

use crate::audit::Log;
use crate::client::Client;
use crate::database::Database;
use crate::plan::Death;
use crate::process::{Process, Setup, Stall};
use crate::proxy::Proxy;

/// How long a gateway may live that was ordered to die.
const RELUCTANCE: Duration = Duration::from_secs(10);

/// Less than a report holds, so that a crash can fall between the commits of one body.
const PIECE: usize = 10;

/// How long a GitLab is waited for: shorter than it may be slow.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// All gateways, each with its own folder and its own way to the database.
pub(crate) struct Fleet {
    processes: Vec<Process>,
    proxies: Vec<Option<Proxy>>,
}

impl Fleet {
    /// Starts as many, one after the other. With `first_dies_at`, the first one dies there before it
    /// is ready, and is started again.
    pub(crate) async fn start(
        count: usize,
        binary: &Path,
        folder: &Path,
        database: &Database,
        gitlab: &str,
        first_dies_at: Option<Point>,
    ) -> Self {
        let mut fleet = Self { processes: Vec::new(), proxies: Vec::new() };
        for number in 1..=count {
            let directory = folder.join(format!("gateway-{number}"));
            std::fs::create_dir(&directory).expect("a fresh folder can be written to");
            let (place, proxy) = database.place().await;
            let (binary, gitlab): (PathBuf, _) = (binary.to_owned(), gitlab.to_owned());
            let setup = Setup {
                binary,
                place,
                directory,
                gitlab,
                max_batch: PIECE,
                call_timeout: CALL_TIMEOUT,
                more: String::new(),
            };
            if let (Some(point), 1) = (first_dies_at, number) {
                Process::die_at_start(&setup, point).await;
            }
            fleet.processes.push(Process::start(setup).await);
            fleet.proxies.push(proxy);
        }
        fleet
    }

    pub(crate) fn clients(&self) -> Vec<Client> {
        self.processes.iter().map(|process| process.client().clone()).collect()
    }

    /// The audit log of all of them.
    pub(crate) fn log(&self) -> Log {
        Log::of(self.processes[0].setup())
    }

    /// It hears no notification from now on.
    pub(crate) fn deafen(&self, gateway: usize) {
        if let Some(proxy) = &self.proxies[gateway] {
            proxy.deafen();
        }
    }

    /// All can hear again.
    pub(crate) fn let_all_hear(&self) {
        self.proxies.iter().flatten().for_each(Proxy::thaw);
    }

    /// It stands still, under whatever leases it has, until what is returned is dropped.
    pub(crate) fn stall(&self, gateway: usize) -> Stall {
        self.processes[gateway].stall()
    }

    pub(crate) fn order(&mut self, gateway: usize, death: Death) {
        if let Death::At(point, count) = death {
            self.processes[gateway].order(point, count);
        }
    }

    /// Sees to it that it is dead, and starts it again. Returns whether it died as it was ordered.
    pub(crate) async fn kill(&mut self, gateway: usize, death: Death) -> bool {
        let process = &mut self.processes[gateway];
        let by_order = match death {
            Death::At(..) => process.was_killed(RELUCTANCE).await,
            Death::After(delay) => {
                tokio::time::sleep(delay).await;
                false
            }
            Death::AtStart(_) => return true,
        };
        if !by_order {
            process.kill();
        }
        process.start_again().await;
        by_order
    }

    /// Ends all cleanly.
    pub(crate) async fn stop(self) {
        for process in self.processes {
            process.stop().await;
        }
    }
}
