//! A private Postgres cluster.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::{free_port, programs};

const SUPERVISOR: &str = include_str!("supervisor.sh");

/// Somebody else may take a port between its choice and its use.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// A Postgres of one's own on loopback, stopped and removed when it is dropped or when the process
/// ends, even by SIGKILL. It belongs to the process, not to the runtime of the test that made it.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    supervisor: Child,
    // `None` only in `drop`: closing it is what ends the supervisor.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The address of a database on the cluster at `port`.
pub(crate) fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

impl Cluster {
    /// Makes a cluster and waits until it answers.
    ///
    /// # Panics
    /// Where Postgres is not installed (`make setup` installs it) or does not start.
    pub fn start() -> Self {
        let mut cluster = Self::supervised();
        for _ in 0..ATTEMPTS {
            cluster.port = free_port();
            if cluster.try_start() {
                return cluster;
            }
        }
        panic!("the private Postgres did not start: {}", cluster.log());
    }

    fn supervised() -> Self {
        let programs = programs::folder();
        let leaving_root = programs::leaving_root();
        let folder = tempfile::Builder::new()
            .prefix("portcullis-test-pg-")
            .tempdir()
            .expect("a folder for the cluster")
            .keep();
        if !leaving_root.is_empty() {
            give_away(&folder);
        }
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&folder)
            .arg(programs)
            .args(leaving_root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C at the terminal is for the tests alone.
            .process_group(0)
            .spawn()
            .expect("sh starts");
        let commands = supervisor.stdin.take();
        let answers = BufReader::new(supervisor.stdout.take().expect("its output is a pipe"));
        Self { folder, port: 0, supervisor, commands, answers }
    }

    /// The address of a database of this cluster; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, which is there exactly as long as the cluster is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stops the server, cutting off its sessions; its data stay for [`Self::restart`].
    ///
    /// # Panics
    /// Where it does not stop.
    pub fn stop(&mut self) {
        assert!(self.command("stop"), "the private Postgres did not stop: {}", self.log());
    }

    /// Ends the server at once, without a shutdown: [`Self::restart`] recovers from its log.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn crash(&mut self) {
        assert!(self.command("crash"), "the private Postgres did not end: {}", self.log());
    }

    /// Starts the server again on the same port and data; stops it first if it runs.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn restart(&mut self) {
        self.stop();
        for _ in 0..ATTEMPTS {
            if self.try_start() {
                return;
            }
            std::thread::sleep(BETWEEN_ATTEMPTS);
        }
        panic!("the private Postgres did not start again: {}", self.log());
    }

    fn try_start(&mut self) -> bool {
        let port = self.port;
        self.command(&format!("start {port}"))
    }

    fn command(&mut self, command: &str) -> bool {
        let commands = self.commands.as_mut().expect("taken by `drop` alone");
        writeln!(commands, "{command}").expect("the supervisor listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the supervisor answers");
        answer == "done\n"
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.commands.take());
        // Nothing to be done about a failure here; the supervisor has the end of its input.
        drop(self.supervisor.wait());
    }
}

fn give_away(folder: &Path) {
    let status = Command::new("chown").arg("postgres").arg(folder).status();
    assert!(status.expect("chown runs").success(), "the folder goes to the user postgres");
}
