//! A private Postgres cluster.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs Postgres until its own standard input ends, which happens when the process that holds the
/// other end of the pipe dies, however it dies; then removes the folder. `$1` is the folder, `$2`
/// the program, `$3` the port; the folder stays while there is a file `keep` in it.
const SUPERVISOR: &str = r#"
"$2" -D "$1/data" -p "$3" -k "$1" -h 127.0.0.1 -F -c full_page_writes=off -c max_connections=300 \
    >"$1/log" 2>&1 </dev/null &
pid=$!
cat >/dev/null
kill -INT $pid
wait $pid
[ -e "$1/keep" ] || rm -rf "$1"
"#;

const PATIENCE: Duration = Duration::from_secs(60);

/// A Postgres of one's own on loopback; stopped and removed when dropped.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    supervisor: Option<Child>,
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
        let folder = tempfile::Builder::new()
            .prefix("portcullis-test-pg-")
            .tempdir()
            .expect("a folder for the cluster")
            .keep();
        give_away(&folder);
        let init = as_nobody(&program("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D"])
            .arg(folder.join("data"))
            .current_dir(&folder)
            .output()
            .expect("initdb runs");
        assert!(init.status.success(), "initdb: {}", String::from_utf8_lossy(&init.stderr));
        let mut cluster = Self { folder, port: crate::free_port(), supervisor: None };
        cluster.launch();
        cluster
    }

    /// The address of a database of this cluster; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server; its data stay for [`Self::restart`].
    ///
    /// # Panics
    /// Where it cannot be waited for.
    pub fn stop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            std::fs::write(self.folder.join("keep"), "").expect("the folder can be marked");
            drop(supervisor.stdin.take());
            supervisor.wait().expect("the supervisor ends");
        }
    }

    /// Starts the server again on the same port and data.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    fn launch(&mut self) {
        let supervisor = as_nobody(Path::new("sh"))
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&self.folder)
            .arg(program("postgres"))
            .arg(self.port.to_string())
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the supervisor starts");
        self.supervisor = Some(supervisor);
        drop(std::fs::remove_file(self.folder.join("keep")));
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            // The line is written when connections are taken, not merely when the port is bound.
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            let ready = log.contains("database system is ready to accept connections");
            if ready && TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("the private Postgres did not start: {log}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// `initdb` and `postgres` refuse root: as root they run as the system's `postgres` user.
fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}

fn give_away(folder: &Path) {
    if is_root() {
        let status = Command::new("chown").arg("postgres:postgres").arg(folder).status();
        assert!(status.expect("chown runs").success(), "the folder goes to the user postgres");
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    String::from_utf8_lossy(&id.stdout).trim() == "0"
}

/// Debian keeps the programs outside the search path; the highest version is taken.
fn program(name: &str) -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let program = entry.path().join("bin").join(name);
            program.exists().then_some((version, program))
        })
        .collect();
    found.sort();
    if let Some((_, program)) = found.pop() {
        return program;
    }
    let which = Command::new("sh").args(["-c", &format!("command -v {name}")]).output();
    let path = which.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    match path {
        Ok(path) if !path.is_empty() => PathBuf::from(path),
        _ => panic!("{name} is not installed: run `make setup`"),
    }
}
