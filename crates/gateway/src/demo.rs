//! `portcullis demo`: a gateway, its database, a GitLab and vendors that are not real ones, in one
//! process, walked through with real requests.
//!
//! A surface adds its steps as a file with a function `chapter`, named in [`chapters`].

mod api;
mod approval;
mod audited;
mod issuer;
mod jobs;
mod layout;
mod leaks;
mod lent;
mod lifecycle;
mod others;
mod outage;
mod own;
mod queue;
mod reporting;
mod resigned;
mod search;
mod sheet;
mod signals;
mod signed;
mod vendor;
mod vendors;
mod walk;
mod world;

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_base::{SystemClock, SystemRandomness};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::cli::quoted;
use crate::config::{Log, LogFormat};
use crate::error::StartError;
use crate::logging;
pub(crate) use sheet::Look;
use sheet::Sheet;
use signals::Signals;
use walk::{Chapter, walk};
use world::World;

/// How long what still runs in the background may take to notice that it is over.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// How often the directory is removed from under those who still write into it.
const REMOVALS: u32 = 100;

/// How a demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every step held.
    Held,
    /// A step failed.
    Failed,
    /// It was told to stop before the last step.
    Interrupted,
}

fn chapters() -> Vec<Chapter<World>> {
    vec![
        lifecycle::start(),
        own::chapter(),
        reporting::chapter(),
        outage::chapter(),
        approval::chapter(),
        lent::chapter(),
        vendors::chapter(),
        resigned::chapter(),
        lent::due_chapter(),
        lifecycle::again(),
        audited::chapter(),
        search::chapter(),
    ]
}

/// Walks through all steps, each a line on `out`; then, with `stay` and if all held, serves until
/// told to stop. What it wrote to disk is removed in any case.
pub(crate) fn run(look: Look, stay: bool, out: &mut dyn Write) -> Result<Ended, StartError> {
    let failed = |error: io::Error| StartError::new("demo", error);
    let runtime = Runtime::new().map_err(|error| StartError::new("runtime", error))?;
    let mut signals = runtime.block_on(async { Signals::listen() }).map_err(failed)?;
    let directory = scratch().map_err(failed)?;
    let mut sheet = Sheet::new(look, out);
    runtime.spawn(leave_at_the_second(directory.path().to_owned()));
    let ended = runtime.block_on(perform(directory.path(), stay, &mut sheet, &mut signals));
    // First, so that nobody writes into the directory while it goes.
    runtime.shutdown_timeout(LAST_WAIT);
    let path = directory.path().display().to_string();
    let removed = directory.close();
    let ended = ended?;
    removed.map_err(|error| StartError::new("demo", format!("{path}: {error}")))?;
    sheet.remark(&format!("{path} is removed."));
    sheet.close().map_err(|error| StartError::new("output", error))?;
    Ok(ended)
}

/// Where nobody reads what is written, the walk stands still in the middle of a line and cannot be
/// told to stop. A second signal does not wait for it.
async fn leave_at_the_second(directory: PathBuf) {
    let Ok(mut signals) = Signals::listen() else { return };
    signals.any().await;
    signals.any().await;
    // The gateway still writes there, and may put a file into a folder that was just emptied. Nothing can be
    // said about a failure: the way out is blocked.
    for _ in 0..REMOVALS {
        if std::fs::remove_dir_all(&directory).is_ok() || !directory.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::process::exit(1);
}

fn scratch() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("portcullis-demo-").permissions(Permissions::from_mode(0o700)).tempdir()
}

async fn perform(
    directory: &Path,
    stay: bool,
    sheet: &mut Sheet<'_>,
    signals: &mut Signals,
) -> Result<Ended, StartError> {
    let mut world = World::new(directory, Arc::new(SystemClock), Arc::new(SystemRandomness))?;
    log_into(&world.log())?;
    sheet.opening();
    let (chapters, began) = (chapters(), Instant::now());
    let ended = tokio::select! {
        tally = walk(&mut world, &chapters, sheet) => {
            sheet.tally(tally, began.elapsed().as_secs_f64());
            if tally.all_held() { Ended::Held } else { Ended::Failed }
        }
        () = signals.any() => Ended::Interrupted,
    };
    match ended {
        Ended::Held if stay => serve(&world, sheet, signals).await,
        Ended::Held | Ended::Failed => {}
        Ended::Interrupted => sheet.remark("Told to stop before the last step."),
    }
    world.stop().await;
    Ok(ended)
}

async fn serve(world: &World, sheet: &mut Sheet<'_>, signals: &mut Signals) {
    let Ok(api) = world.api() else { return };
    sheet.remark("It serves on, until Ctrl-C:");
    sheet.places(&[
        ("public", api.public.clone()),
        ("admin", api.admin.clone()),
        ("gitlab", world.gitlab.url().to_owned()),
        ("secrets", world.data_dir.secrets_path().display().to_string()),
        ("config", world.configuration().display().to_string()),
        ("log", world.log().display().to_string()),
        ("try", try_this(world, &api.admin)),
    ]);
    signals.any().await;
}

/// A line for a shell, which nothing of the reader's own configuration changes.
fn try_this(world: &World, admin: &str) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("portcullis"));
    let (config, data) = (world.configuration(), world.data_dir.path());
    format!(
        "{} revocations list --config {} --data-dir {} --url {admin}",
        quoted(&program),
        quoted(&config),
        quoted(data),
    )
}

/// The gateway's own lines must not come between the steps.
fn log_into(path: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::new("log", format!("{}: {error}", path.display()));
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
    let log = Log { format: LogFormat::Human, filter: "info,portcullis=debug".to_owned() };
    logging::init_file(&log, file.map_err(failed)?)
}
