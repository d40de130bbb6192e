//! Whether any of it can be read in what is on disk.

use std::io;
use std::path::Path;

use futures_util::FutureExt as _;
use portcullis_base::secret::{ExposeSecret as _, SecretString};

use super::issuer;
use super::others;
use super::walk::{Chapter, Line, Mismatch, Step};
use super::world::World;
use crate::data_dir::SecretName;

pub(super) fn chapter() -> Chapter<World> {
    let steps = vec![Step::new("search", |world, line| search(world, line).boxed_local())];
    Chapter { title: "What is on disk", steps }
}

/// A file of the data directory, as text and as text without capital letters.
struct File {
    name: String,
    text: String,
    lower: String,
}

async fn search(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    let tokens: Vec<&SecretString> = world.secrets().collect();
    let files = files(world.data_dir.path())
        .map_err(|error| Mismatch::new("a directory that can be read", error))?;
    line.sent(format!(
        "database, log, all {} files, for {} tokens in plain and in hex",
        files.len(),
        tokens.len(),
    ));
    finds_what_is_there(world, &files).await?;
    for token in tokens {
        absent("a token", token, files.iter())?;
    }
    let others = files.iter().filter(|file| file.name != "portcullis.toml");
    absent("the gateway's GitLab token", &world.lending.admin_token, others)?;
    let others = files.iter().filter(|file| file.name != issuer::FILE);
    absent("the key that signs anew", &world.issuer.private, others)?;
    let others = files.iter().filter(|file| file.name != others::FILE);
    absent("the key that vendors know", &world.others.private, others)?;
    for name in SecretName::ALL {
        let secret = world.secret(name).map_err(|error| Mismatch::new("secrets.toml", error))?;
        let others = files.iter().filter(|file| file.name != "secrets.toml");
        absent(name.as_str(), &secret, others)?;
    }
    line.came("none; the gateway's own secrets and signing keys are each in their one file");
    Ok(())
}

/// A search that finds nothing proves something only if it finds what is there.
async fn finds_what_is_there(world: &World, files: &[File]) -> Result<(), Mismatch> {
    let location = &world.leaks.live.location;
    let row = world.api()?.found_at(location).await?;
    for (what, text, place) in
        [("location", location, "portcullis.db"), ("fingerprint", &row.short(), "portcullis.log")]
    {
        let mut places = files.iter().filter(|file| file.name.starts_with(place));
        if !places.any(|file| file.text.contains(text.as_str())) {
            return Err(Mismatch::new(format!("a {what} in {place}"), "none"));
        }
    }
    Ok(())
}

fn absent<'f>(
    what: &str,
    secret: &SecretString,
    mut files: impl Iterator<Item = &'f File>,
) -> Result<(), Mismatch> {
    let plain = secret.expose_secret();
    let hex = hex::encode(plain);
    let holds = |file: &&File| file.text.contains(plain) || file.lower.contains(&hex);
    match files.find(holds) {
        None => Ok(()),
        Some(file) => {
            Err(Mismatch::new(format!("{what} in no file"), format!("it in {}", file.name)))
        }
    }
}

fn files(directory: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let text = String::from_utf8_lossy(&std::fs::read(entry.path())?).into_owned();
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push(File { name, lower: text.to_ascii_lowercase(), text });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_plain_and_in_hex_of_either_case() {
        let secret = SecretString::from("gitpod_pat_Ab3");
        let hex = hex::encode("gitpod_pat_Ab3");
        let directory = tempfile::tempdir().unwrap();
        for (content, clean) in [
            ("nothing".to_owned(), true),
            ("GITPOD_PAT_AB3".to_owned(), true),
            ("\u{0}..gitpod_pat_Ab3..".to_owned(), false),
            (format!("x{hex}x"), false),
            (hex.to_uppercase(), false),
        ] {
            std::fs::write(directory.path().join("file"), &content).unwrap();
            let files = files(directory.path()).unwrap();
            assert_eq!(absent("it", &secret, files.iter()).is_ok(), clean, "{content}");
        }
    }
}
