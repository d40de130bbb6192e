//! Where Postgres is installed, and how to leave root, as which it does not run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder that holds `initdb` and `pg_ctl`.
///
/// # Panics
/// Where there is none.
pub(crate) fn folder() -> PathBuf {
    on_the_path().or_else(highest_of_debian).unwrap_or_else(|| {
        panic!(
            "no initdb on the PATH or in /usr/lib/postgresql: Postgres is missing, run `make setup`"
        )
    })
}

fn on_the_path() -> Option<PathBuf> {
    // A link on the path stands for its target's folder, where the other programs are.
    let initdb =
        PathBuf::from(output_of("sh", &["-c", "command -v initdb"])?).canonicalize().ok()?;
    let folder = initdb.parent()?;
    is_complete(folder).then(|| folder.to_owned())
}

/// Debian keeps every version in a folder of its own, outside the search path.
fn highest_of_debian() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            is_complete(&folder).then_some((version, folder))
        })
        .max()
        .map(|(_, folder)| folder)
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}

/// The words to put before a command so that it does not run as root; empty for anybody else.
///
/// # Panics
/// For root on a machine that has neither `setpriv` nor `runuser`.
pub(crate) fn leaving_root() -> &'static [&'static str] {
    const SETPRIV: &[&str] =
        &["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"];
    const RUNUSER: &[&str] = &["runuser", "-u", "postgres", "--"];
    if output_of("id", &["-u"]).as_deref() != Some("0") {
        return &[];
    }
    [SETPRIV, RUNUSER]
        .into_iter()
        .find(|words| output_of(words[0], &["--version"]).is_some())
        .expect("setpriv or runuser (package util-linux): Postgres does not run as root")
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
