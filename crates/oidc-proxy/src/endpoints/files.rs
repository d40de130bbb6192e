//! What the world reads, as files for whoever serves them instead: a bucket, a CDN.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use portcullis_web::cache_control;

use super::document;
use crate::keyring::Keyring;
use crate::keys::publish;

/// A file that was written, and how it is to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Where it is.
    pub file: PathBuf,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its `Cache-Control`.
    pub cache_control: String,
}

/// Writes the discovery document and the keys below `folder`, which stands for the issuer's address: to the
/// byte what a gateway of this issuer, these keys, claims and `max_age` (in seconds) serves. The keys come
/// first, so that nobody is sent to keys that are not there.
pub fn export(
    folder: &Path,
    issuer: &str,
    keyring: &Keyring,
    claims: &[&str],
    max_age: u64,
) -> io::Result<Vec<Exported>> {
    let discovery = document::compose(issuer, &keyring.algorithms(), claims);
    let all = [(document::KEYS, keyring.document()), (document::DISCOVERY, &discovery)];
    let write = |(place, text): (document::Place, &str)| {
        let file = folder.join(place.path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        publish(&file, text)?;
        let cache_control = cache_control(max_age);
        Ok(Exported { file, content_type: place.kind, cache_control })
    };
    all.into_iter().map(write).collect()
}
