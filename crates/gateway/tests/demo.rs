//! `portcullis demo`, as the real binary.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_test_support::scratch_dir;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_portcullis");

/// Every step in its order.
const STEPS: [&str; 39] = [
    "start", "mint", "use", "forge", "leak", "types", "report", "live", "dead", "unknown",
    "resend", "down", "back", "hold", "approve", "lend", "narrow", "return", "lost", "no-rule",
    "fork", "admin", "vendor", "lie", "partner", "nobody", "github", "publish", "re-sign",
    "exchange", "policy", "foreign", "dry-up", "methods", "due", "restart", "resume", "audit",
    "search",
];

/// What it writes to disk lies in `scratch`; the environment says nothing else, except what must not
/// count.
fn prepared(mut command: Command, scratch: &Path) -> Command {
    command
        .env_clear()
        .env("TMPDIR", scratch)
        .env("PORTCULLIS__SERVER__LISTEN", "not an address")
        .current_dir(scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn demo(scratch: &Path, arguments: &[&str]) -> Output {
    let mut command = prepared(Command::new(BINARY), scratch);
    command.arg("demo").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

/// Neither a token, nor more of one than its beginning.
fn shows_no_secret(text: &str) {
    assert!(!text.contains("glpat-"), "{text}");
    for (at, start) in text.match_indices("gitpod_pat_") {
        let next = text[at + start.len()..].chars().next();
        assert!(matches!(next, Some('.' | '…')), "{text}");
    }
    // JWTs are three parts of base64url, the first of which is a JSON object.
    assert!(!text.contains("eyJ"), "{text}");
    // The gateway's own secrets are 43 characters of base64url.
    let secret = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    assert!(text.split(secret).all(|word| word.len() < 43), "{text}");
}

#[test]
fn once_walks_through_every_step_and_leaves_nothing() {
    let scratch = scratch_dir();
    let output = demo(scratch.path(), &["--once"]);
    let stdout = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{stdout}");
    let mut lines = stdout.lines();
    for step in STEPS {
        let line = lines.next().unwrap();
        assert!(line.starts_with(&format!("ok      {step}: ")), "{step}: {line}");
    }
    assert!(lines.next().unwrap().starts_with("All 39 steps held"), "{stdout}");
    assert!(lines.next().unwrap().ends_with(" is removed.") && lines.next().is_none());
    assert!(stdout.is_ascii(), "a log may be read anywhere");
    assert!(!stdout.contains('\u{1b}'));
    shows_no_secret(stdout);
    assert!(is_empty(scratch.path()));
}

#[test]
fn machines_get_one_object_a_step() {
    let scratch = scratch_dir();
    let output = demo(scratch.path(), &["--once", "--json"]);
    let stdout = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{stdout}");
    let objects: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (tally, objects) = objects.split_last().unwrap();
    assert_eq!((&tally["held"], &tally["of"]), (&39.into(), &39.into()));
    let names: Vec<_> = objects.iter().map(|object| object["step"].as_str().unwrap()).collect();
    assert_eq!(names, STEPS);
    for object in objects {
        assert_eq!(object["ok"], true);
        assert!(object["sent"].is_string() && object["came"].is_string());
    }
    shows_no_secret(stdout);
}

#[test]
fn a_step_that_fails_is_said_and_the_exit_status_is_1() {
    let scratch = scratch_dir();
    // No file may grow to what a database needs, and without the trap the system would kill the
    // process instead of refusing the write: the gateway cannot start.
    let mut command = prepared(Command::new("/bin/sh"), scratch.path());
    let limited = "trap '' XFSZ; ulimit -S -f 64; exec \"$0\" demo --once";
    let output = command.args(["-c", limited, BINARY]).output().unwrap();
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    let first = stdout.lines().next().unwrap();
    assert!(first.starts_with("FAILED  start: "), "{stdout}");
    assert!(first.contains("expected a gateway that starts, came "), "{stdout}");
    assert!(stdout.contains("0 of 39 steps held"), "{stdout}");
    assert!(text(&output.stderr).starts_with("error: demo: "), "{}", text(&output.stderr));
    assert!(is_empty(scratch.path()));
}

#[test]
fn what_cannot_be_prepared_is_an_error() {
    let scratch = scratch_dir();
    let mut command = prepared(Command::new(BINARY), scratch.path());
    let output = command.env("TMPDIR", "none").args(["demo", "--once"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert!(text(&output.stderr).starts_with("error: demo: "), "{}", text(&output.stderr));
}

#[test]
fn what_cannot_be_written_is_not_called_good() {
    let scratch = scratch_dir();
    let mut command = prepared(Command::new(BINARY), scratch.path());
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).args(["demo", "--once"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: output: "), "{}", text(&output.stderr));
    assert!(is_empty(scratch.path()));
}

#[test]
fn nobody_reading_does_not_keep_it_from_leaving() {
    let scratch = scratch_dir();
    // A pipe that is full already: the first line stands still.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let filler = std::thread::spawn({
        let mut writer = writer.try_clone().unwrap();
        move || drop(writer.write_all(&vec![b'.'; 1 << 20]))
    });
    writer.flush().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let mut command = prepared(Command::new(BINARY), scratch.path());
    let mut child = command.stdout(writer).args(["demo", "--once"]).spawn().unwrap();
    while is_empty(scratch.path()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    let mut status = None;
    for _ in 0..100 {
        // The first signal alone may not do, and the second is taken at any time.
        drop(Command::new("kill").args(["-INT", &pid]).status());
        std::thread::sleep(Duration::from_millis(100));
        status = child.try_wait().unwrap();
        if status.is_some() {
            break;
        }
    }
    assert_eq!(status.expect("it has left").code(), Some(1));
    assert!(is_empty(scratch.path()), "and took its directory along");
    drop(reader);
    filler.join().unwrap();
}

/// One that runs, read line by line; gone with the test, however that ends.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(scratch: &Path) -> Self {
        let mut command = prepared(Command::new(BINARY), scratch);
        let mut child = command.arg("demo").spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads up to the line that begins with `start`, and gives what follows.
    fn after(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "it ended before {start}");
            shows_no_secret(&line);
            if let Some(rest) = line.trim().strip_prefix(start) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Runs the line that it says to try.
    fn try_it(&mut self) -> Output {
        let line = self.after("try");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &line]).env_clear().env("PORTCULLIS_CONFIG", "/none").output().unwrap()
    }

    /// SIGINT; gives the exit status and what it still says.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn it_serves_on_until_it_is_interrupted_and_leaves_nothing() {
    let scratch = scratch_dir();
    let place = scratch.path().join("a folder's");
    fs::create_dir(&place).unwrap();
    let mut demo = Running::start(&place);
    let public = demo.after("public");
    let secrets = PathBuf::from(demo.after("secrets"));
    let directory = secrets.parent().unwrap();
    assert_eq!(directory.parent(), Some(place.as_path()));
    assert_eq!(fs::metadata(directory).unwrap().mode() & 0o777, 0o700);
    let tried = demo.try_it();
    assert!(tried.status.success(), "{}", text(&tried.stderr));
    assert!(text(&tried.stdout).contains("revoked"), "{}", text(&tried.stdout));
    let http = client(&ClientOptions::default()).unwrap();
    let health = http.get(format!("{public}/health")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let (status, rest) = demo.interrupt();
    assert_eq!(status, Some(0), "{rest}");
    assert!(rest.ends_with(" is removed.\n"), "{rest}");
    assert!(is_empty(&place));
}

#[test]
fn interrupted_on_its_way_it_leaves_nothing_either() {
    let scratch = scratch_dir();
    let mut demo = Running::start(scratch.path());
    demo.after("ok      start:");
    let (status, rest) = demo.interrupt();
    // Had it come to the end before it was told, it would have been good.
    let done = rest.contains("All 39 steps held");
    assert_eq!(status, Some(i32::from(!done)), "{rest}");
    assert!(is_empty(scratch.path()));
}

#[test]
fn nothing_but_the_demo_knows_the_pretended_gitlab() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut knowing = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).unwrap().contains("portcullis_fake_gitlab") {
                assert!(path.to_str().unwrap().contains("/src/demo/"), "{}", path.display());
                knowing += 1;
            }
        }
    }
    assert!(knowing > 0, "the demo does know it");
}
