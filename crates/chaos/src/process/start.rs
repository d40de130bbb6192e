//! The child behind a process: how it is started, and how it ended.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::config;

const SIGKILL: i32 = 9;

pub(super) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(SIGKILL)
}

pub(super) async fn exit_of(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours can be asked for") {
            return Some(status);
        }
        if tokio::time::Instant::now() >= until {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn serving(mut command: Command, directory: &Path) -> Command {
    command
        .args(["serve", "--config", config::FILE, "--data-dir", "data"])
        .current_dir(directory)
        .env_clear()
        .stdin(Stdio::piped());
    command
}

pub(super) type Variables = Vec<(&'static str, String)>;

/// What it is started with; of our own variables it gets none.
pub(super) fn variables(drain_delay: Option<Duration>, order: Option<String>) -> Variables {
    let delay = |delay: Duration| format!("{}ms", delay.as_millis());
    let delay = drain_delay.map(|time| ("PORTCULLIS__SERVER__DRAIN_DELAY", delay(time)));
    delay.into_iter().chain(order.map(|order| ("PORTCULLIS_FAULT", order))).collect()
}

pub(super) fn spawn(
    command: Command,
    directory: &Path,
    variables: &[(&'static str, String)],
) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(directory.join(config::LOG));
    let log = log.expect("the folder can be written to");
    let mut child = serving(command, directory)
        .envs(variables.iter().cloned())
        .stdout(log.try_clone().expect("a file can be shared"))
        .stderr(log)
        .spawn()
        .expect("the gateway's program starts");
    // Binds `portcullis-faulty` to us: where we are killed, it ends. Nobody else listens.
    if let Some(orders) = child.stdin.as_mut() {
        drop(writeln!(orders));
    }
    child
}
