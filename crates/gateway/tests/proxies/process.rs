//! A program that ends with the test, however the test ends.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Runs the rest of its arguments until they end or its standard input does. Debian keeps nginx in a
/// folder that only root's PATH has.
const KEEPER: &str = r#"
PATH=$PATH:/usr/sbin:/usr/local/sbin
command -v "$1" >/dev/null || { echo "$1 is missing: run \`make setup\`" >&2; exit 127; }
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ read -r _ <&3; kill -KILL "$program"; } 2>/dev/null >&2 &
wait "$program"
"#;

/// The running program.
pub(crate) struct Process {
    keeper: Child,
    // `None` only in `drop`: closing it is what ends the program.
    lifeline: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    /// Starts it in `folder`, where it also has its home and writes its log.
    pub(crate) fn start(folder: &Path, words: &[&str]) -> Self {
        let log = folder.join("log");
        let output = File::create(&log).unwrap();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).args(words).current_dir(folder);
        for place in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            keeper.env(place, folder);
        }
        keeper.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut keeper = keeper.spawn().unwrap();
        let lifeline = keeper.stdin.take();
        Self { keeper, lifeline, log }
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.keeper.try_wait().unwrap().is_some()
    }

    /// What it said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        drop(self.keeper.wait());
    }
}
