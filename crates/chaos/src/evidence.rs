//! What is left for whoever looks into a run that failed.

use std::path::{Path, PathBuf};

use crate::run::Options;

/// The folder of a run, and the words that replay it. Where it is dropped without being discarded, by a
/// panic too, the folder stays and both are told on standard error.
#[derive(Debug)]
pub struct Evidence {
    folder: PathBuf,
    replay: String,
}

impl Evidence {
    /// An empty folder. Tells at once what replays the run: one that is killed says nothing later.
    ///
    /// # Panics
    /// Where no folder can be made.
    pub fn of(options: &Options) -> Self {
        Self::with(replay(options))
    }

    /// The same for a night of this name, which has no seed.
    ///
    /// # Panics
    /// Where no folder can be made.
    pub fn of_night(name: &str, rounds: usize, gateways: usize) -> Self {
        let words = format!("{name} --rounds {rounds} --gateways {gateways}");
        Self::with(format!("again with make chaos ARGS=\"{words}\""))
    }

    fn with(replay: String) -> Self {
        let folder = portcullis_test_support::scratch_dir().keep();
        let evidence = Self { folder, replay };
        eprintln!("  {}", evidence.replay);
        evidence
    }

    /// Where the run keeps everything.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Nobody needs it.
    pub fn discard(mut self) {
        drop(std::fs::remove_dir_all(std::mem::take(&mut self.folder)));
    }
}

impl Drop for Evidence {
    fn drop(&mut self) {
        if self.folder.as_os_str().is_empty() {
            return;
        }
        eprintln!("\n  everything is kept at {}", self.folder.display());
        eprintln!("  {}", self.replay);
    }
}

fn replay(options: &Options) -> String {
    let size = options.size;
    let database = if size.server { "postgres" } else { "sqlite" };
    let points = if size.points { "" } else { " --no-points" };
    format!(
        "replay with make chaos ARGS=\"--database {database} --seed {} --kills {} --tokens {} --gateways {}{points}\"",
        options.seed, size.kills, size.tokens, size.gateways
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Size;

    #[test]
    fn a_folder_stays_unless_it_is_discarded() {
        let size = Size { kills: 6, tokens: 9, gateways: 2, server: true, points: false };
        let options = Options { seed: 7, size, binary: PathBuf::new() };
        assert_eq!(
            replay(&options),
            "replay with make chaos ARGS=\"--database postgres --seed 7 --kills 6 --tokens 9 --gateways 2 --no-points\""
        );
        let evidence = Evidence::of(&options);
        let folder = evidence.folder().to_owned();
        let panicked = std::thread::spawn(move || {
            let _kept = evidence;
            panic!("as a run does");
        });
        assert!(panicked.join().is_err() && folder.is_dir());
        Evidence { folder: folder.clone(), replay: String::new() }.discard();
        assert!(!folder.exists());
    }
}
