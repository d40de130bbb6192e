//! The configuration: one TOML file, the environment over it, every problem told at once.

mod environment;
pub(crate) mod files;
mod loaded;
mod node;
mod predecessor;
mod problem;
mod said;
mod secret;
mod section;
mod sections;
mod setting;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use environment::Environment;
pub use loaded::{Loaded, SecretsOrigin, again, check, load};
pub use problem::{KnownKey, Problem};
pub use said::Said;
pub(crate) use secret::SHORT as SHORT_SECRET;
pub use sections::*;

use crate::data_dir::DataDir;
use node::Node;
use problem::Notes;
use section::Section;

/// Where a configuration comes from.
#[derive(Clone)]
pub struct Sources {
    /// The file; without one, defaults and the environment are all there is.
    pub file: Option<PathBuf>,
    /// The data directory.
    pub data_dir: DataDir,
    /// The environment.
    pub environment: Environment,
}

/// What came of reading a configuration.
#[derive(Debug)]
pub struct Reading {
    /// The configuration, or everything that is wrong with it (never empty).
    pub config: Result<Config, Vec<Problem>>,
    /// What an operator should look at; none of it keeps the gateway from starting.
    pub warnings: Vec<String>,
    /// Every key that this version knows and met on the way.
    pub known: Vec<KnownKey>,
    /// What it says, key by key.
    pub said: Said,
}

/// Reads and checks a configuration. Makes nothing, and opens only the files that it names.
pub fn read(sources: &Sources) -> Reading {
    let mut notes = Notes::default();
    let (entries, exposed) = read_file(sources, &mut notes);
    let mut root = Node::Table(entries);
    environment::lay_over(&mut root, &sources.environment, &mut notes);
    predecessor::fill_in(&mut root, &sources.environment, &mut notes);
    let said = Said::of(&root);
    let entries = if let Node::Table(entries) = root { entries } else { BTreeMap::new() };
    let config = Section::read(String::new(), entries, &mut notes, |root| {
        Config::read(root, &sources.data_dir)
    });
    if exposed && notes.inline_secret {
        let warning = "holds secrets and is readable by others; chmod 600 it, or use *_file keys";
        notes.warn("config file", warning);
    }
    if let Some(config) = &config {
        loaded::needs_of_postgres(config, &mut notes);
    }
    let config = config.filter(|_| notes.problems.is_empty()).ok_or(notes.problems);
    let said = said.without_defaults(&notes.known);
    Reading { config, warnings: notes.warnings, known: notes.known, said }
}

/// Reads what concerns the file of the re-signer's keys, which need not be there; the rest of the
/// configuration is not looked at. `None` without an `[oidc_proxy]`.
pub(crate) fn read_keys(sources: &Sources) -> Result<Option<KeySettings>, Vec<Problem>> {
    let mut notes = Notes::default();
    let (entries, _) = read_file(sources, &mut notes);
    let mut root = Node::Table(entries);
    environment::lay_over(&mut root, &sources.environment, &mut notes);
    let entries = if let Node::Table(entries) = root { entries } else { BTreeMap::new() };
    let settings = Section::read(String::new(), entries, &mut notes, |root| {
        let has = root.has("oidc_proxy");
        let settings = has.then(|| root.table("oidc_proxy", KeySettings::read).flatten());
        root.ignore_rest();
        settings.flatten()
    });
    if notes.problems.is_empty() { Ok(settings) } else { Err(notes.problems) }
}

/// The table in the file, and whether others can read the file.
fn read_file(sources: &Sources, notes: &mut Notes) -> (BTreeMap<String, Node>, bool) {
    let Some(path) = &sources.file else { return (BTreeMap::new(), false) };
    let name = path.display().to_string();
    let file = match files::read_small(path) {
        Ok(file) => file,
        Err(error) => {
            notes.problem(name, format!("cannot be read: {error}"));
            return (BTreeMap::new(), false);
        }
    };
    let text = std::str::from_utf8(&file.bytes).map_err(|_| "is not UTF-8".to_owned());
    match text.and_then(environment::parse_file) {
        Ok(entries) => (entries, file.exposed),
        Err(problem) => {
            notes.problem(name, problem);
            (BTreeMap::new(), false)
        }
    }
}
