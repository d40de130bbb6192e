//! A gateway as a process of its own.

mod start;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis_base::fault::Point;
use portcullis_base::http::{ClientOptions, client};
use portcullis_test_support::free_port;

use crate::client::{Client, Ports};
use crate::config;

use start::{exit_of, serving, spawn, variables, was_killed};

/// The program that can be ordered to die, beside the shipped one.
///
/// # Panics
/// Where it was not built.
pub fn faulty_beside(shipped: &Path) -> PathBuf {
    let faulty = shipped.with_file_name("portcullis-faulty");
    assert!(
        faulty.is_file(),
        "{} is not there: `make test` builds it first, with `cargo build --locked -p \
         portcullis-gateway --features fault-injection --bin portcullis-faulty`",
        faulty.display()
    );
    faulty
}

/// How `portcullis-faulty` says that it has heard an order.
const HEARD: &str = "ordered to die: ";

/// A grace of 2 s, a call of 2 s or 10 s and what is written after that, on a busy machine.
const STOPPING: Duration = Duration::from_secs(30);

/// Where a gateway keeps what must survive.
#[derive(Debug, Clone)]
pub enum Place {
    /// In its data directory.
    Sqlite,
    /// At this address.
    Postgres(String),
}

/// What a gateway is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The program: `portcullis`, or `portcullis-faulty` where points are ordered.
    pub binary: PathBuf,
    /// Its database.
    pub place: Place,
    /// An empty folder of its own.
    pub directory: PathBuf,
    /// The address of its GitLab.
    pub gitlab: String,
    /// Reported secrets in one commit.
    pub max_batch: usize,
    /// How long it waits for its GitLab, in whole seconds.
    pub call_timeout: Duration,
    /// TOML that follows the rest of its configuration.
    pub more: String,
}

/// A gateway, running or dead. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    setup: Setup,
    /// How long it leaves, where it takes its time.
    drain_delay: Option<Duration>,
    ports: Ports,
    child: Child,
    client: Client,
}

/// A gateway that stands still. It goes on when this is dropped.
#[derive(Debug)]
#[must_use = "it goes on when this is dropped"]
pub struct Stall {
    /// Wakes it at the end of its input, so that a harness that is killed leaves none behind.
    waker: Child,
}

impl Drop for Stall {
    fn drop(&mut self) {
        drop(self.waker.stdin.take());
        // Where the gateway was killed meanwhile there is nobody to wake.
        drop(self.waker.wait());
    }
}

impl Process {
    /// Starts one and waits until it is ready.
    ///
    /// # Panics
    /// Where it does not come up.
    pub async fn start(setup: Setup) -> Self {
        let child = |setup: &Setup| spawn(Command::new(&setup.binary), &setup.directory, &[]);
        Self::launch(setup, child).await
    }

    /// One that tells whoever asks `/ready` for so long that it is leaving, before it leaves.
    ///
    /// # Panics
    /// Where it does not come up.
    pub async fn start_draining(setup: Setup, delay: Duration) -> Self {
        let drain_delay = Some(delay);
        let child = |setup: &Setup| {
            spawn(Command::new(&setup.binary), &setup.directory, &variables(drain_delay, None))
        };
        let mut process = Self::launch(setup, child).await;
        process.drain_delay = drain_delay;
        process
    }

    /// One whose files cannot grow beyond `kibibytes` each, until it is started again.
    ///
    /// # Panics
    /// Where it does not come up.
    pub async fn start_limited(setup: Setup, kibibytes: u32) -> Self {
        // Without the trap the system would kill it instead of refusing the write.
        let limit = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$0\" \"$@\"", kibibytes * 2);
        let child = |setup: &Setup| {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(limit).arg(&setup.binary);
            spawn(command, &setup.directory, &[])
        };
        Self::launch(setup, child).await
    }

    /// One whose standard error takes nothing, as on a full disk.
    ///
    /// # Panics
    /// Where it does not come up.
    pub async fn start_without_a_log(setup: Setup) -> Self {
        let child = |setup: &Setup| {
            let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
            let mut command = serving(Command::new(&setup.binary), &setup.directory);
            command.stdout(Stdio::null()).stderr(full).spawn().expect("the program starts")
        };
        Self::launch(setup, child).await
    }

    /// One that is ordered to die at a point before it is ready, and does.
    ///
    /// # Panics
    /// Where it does not die within ten seconds.
    pub async fn die_at_start(setup: &Setup, point: Point) {
        std::fs::write(setup.directory.join(config::FILE), config::of(setup, Ports::free()))
            .expect("the folder can be written to");
        let order = format!("{} 1", point.name());
        let order = variables(None, Some(order));
        let mut child = spawn(Command::new(&setup.binary), &setup.directory, &order);
        let died = exit_of(&mut child, Duration::from_secs(10)).await;
        drop(child.kill());
        assert!(died.is_some_and(was_killed), "it was to die at {}", point.name());
    }

    async fn launch(setup: Setup, child: impl FnOnce(&Setup) -> Child) -> Self {
        let ports = Ports::free();
        std::fs::write(setup.directory.join(config::FILE), config::of(&setup, ports))
            .expect("the folder can be written to");
        let options =
            ClientOptions { timeout: Duration::from_secs(10), ..ClientOptions::default() };
        let http = client(&options).expect("plain options make a client");
        let child = child(&setup);
        let client = Client::new(http, ports);
        let process = Self { child, client, ports, setup, drain_delay: None };
        process.wait_until_ready().await;
        process
    }

    /// What it was started with.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The way to speak to it; stays the same when it is started again.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its files may grow again.
    ///
    /// # Panics
    /// Where `prlimit` (package util-linux) is missing.
    pub fn lift_limit(&self) {
        let pid = self.child.id().to_string();
        let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status();
        assert!(lifted.is_ok_and(|status| status.success()), "prlimit lifts the limit");
    }

    /// Orders it to die when it comes by a point for the given time. Only `portcullis-faulty` hears.
    pub fn order(&mut self, point: Point, count: u32) {
        let Some(orders) = self.child.stdin.as_mut() else { return };
        // Where it is dead already, its exit says so.
        drop(writeln!(orders, "{} {count}", point.name()));
    }

    /// Orders it to die when it comes by a point, and returns when it has heard that.
    ///
    /// # Panics
    /// Where it does not hear.
    pub async fn arm(&mut self, point: Point) {
        let before = self.orders_heard();
        self.order(point, 1);
        for _ in 0..600 {
            if self.orders_heard() > before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not take orders");
    }

    fn orders_heard(&self) -> usize {
        let log = std::fs::read_to_string(self.setup.directory.join(config::LOG));
        // Anywhere: other threads write to the same file, and not by whole lines.
        log.unwrap_or_default().matches(HEARD).count()
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    ///
    /// # Panics
    /// Where it was dead already: that was not our doing.
    pub fn kill(&mut self) {
        let before = self.child.try_wait().expect("a child of ours can be asked for");
        assert!(before.is_none(), "it had ended by itself: {before:?}");
        self.child.kill().expect("a child of ours can be killed");
        self.child.wait().expect("a child of ours can be waited for");
    }

    /// Whether it was killed within `patience`.
    ///
    /// # Panics
    /// Where it ended in another way.
    pub async fn was_killed(&mut self, patience: Duration) -> bool {
        let Some(status) = exit_of(&mut self.child, patience).await else { return false };
        assert!(was_killed(status), "it ended by itself: {status}");
        true
    }

    /// Starts it on what it left behind, and waits until it is ready.
    ///
    /// # Panics
    /// Where it does not come up.
    pub async fn start_again(&mut self) {
        let variables = variables(self.drain_delay, None);
        self.child = spawn(Command::new(&self.setup.binary), &self.setup.directory, &variables);
        self.wait_until_ready().await;
    }

    /// From its next start on it leaves as one of [`Self::start_draining`] does.
    pub fn drain_after(&mut self, delay: Duration) {
        self.drain_delay = Some(delay);
    }

    /// Stops it, and starts this program in its place, with the same ports and the same folder.
    ///
    /// # Panics
    /// Where it does not end cleanly, or the other one does not come up.
    pub async fn replace(&mut self, binary: &Path) {
        self.terminate();
        self.wait_until_gone().await;
        binary.clone_into(&mut self.setup.binary);
        self.start_again().await;
    }

    /// SIGTERM.
    ///
    /// # Panics
    /// Where it is dead.
    pub fn terminate(&self) {
        assert!(self.signal("-TERM"), "it was there to be told");
    }

    /// A clean end within half a minute.
    ///
    /// # Panics
    /// Where it ends otherwise, or not.
    pub async fn wait_until_gone(&mut self) {
        let status = exit_of(&mut self.child, STOPPING).await;
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
    }

    /// Stands still, with all that it holds, until what is returned is dropped or we are dead.
    ///
    /// # Panics
    /// Where it is dead.
    pub fn stall(&self) -> Stall {
        assert!(self.signal("-STOP"), "it was there to be stopped");
        let pid = self.child.id().to_string();
        let waker = Command::new("sh")
            .args(["-c", "read -r _; kill -CONT \"$0\"", &pid])
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh starts");
        Stall { waker }
    }

    fn signal(&self, signal: &str) -> bool {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &pid]).status();
        told.is_ok_and(|status| status.success())
    }

    /// SIGTERM, and a clean end within half a minute.
    ///
    /// # Panics
    /// Where it ends otherwise, or not.
    pub async fn stop(mut self) {
        self.terminate();
        self.wait_until_gone().await;
    }

    async fn wait_until_ready(&self) {
        for _ in 0..600 {
            if self.client.is_ready().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.setup.directory.join(config::LOG));
        let log = log.unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(20).collect();
        panic!("the gateway at {:?} did not come up: {tail:#?}", self.ports);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Dead already where all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ports {
    fn free() -> Self {
        Self { public: free_port(), admin: free_port() }
    }
}
