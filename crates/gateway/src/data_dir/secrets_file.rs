//! `secrets.toml`: three secrets, made together, never overwritten.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_base::Randomness;
use portcullis_base::seal::MasterKey;
use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};
use thiserror::Error;

use crate::config::files;

/// The secrets that a gateway needs before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretName {
    /// The key that everything at rest hangs on.
    MasterKey,
    /// What the reporter of leaked tokens shows.
    RevocationApiToken,
    /// What an operator shows.
    AdminToken,
}

impl SecretName {
    /// All of them, in the order of the file.
    pub const ALL: [Self; 3] = [Self::MasterKey, Self::RevocationApiToken, Self::AdminToken];

    /// Its key in the file, and its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MasterKey => "master_key",
            Self::RevocationApiToken => "revocation_api_token",
            Self::AdminToken => "admin_token",
        }
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a secrets file cannot serve. Never holds what stands in it.
#[derive(Debug, Error)]
pub enum SecretsFileError {
    /// The system refused.
    #[error("cannot be read or made: {0}")]
    Io(#[from] io::Error),
    /// It is not TOML, or not a table of strings.
    #[error("line {0}: not TOML as this file is written; it is left as it is")]
    Garbled(usize),
    /// A key that is none of the three.
    #[error("holds a key that is none of master_key, revocation_api_token and admin_token")]
    UnknownKey,
    /// A value is missing, or not what it should be.
    #[error("{0} must be {1}; the file is left as it is")]
    Value(SecretName, &'static str),
    /// The file was there a moment ago.
    #[error("was removed while it was read")]
    Gone,
}

/// What a secrets file holds: each value sound, though not each need be there.
#[derive(Debug, Default)]
pub struct SecretsFile([Option<SecretString>; 3]);

impl SecretsFile {
    /// The secret of that name; an error where the file leaves it out.
    pub fn get(&self, name: SecretName) -> Result<&SecretString, SecretsFileError> {
        let missing = SecretsFileError::Value(name, "in it (or in the configuration)");
        self.0[name as usize].as_ref().ok_or(missing)
    }
}

/// Reads `path`; `None` where there is no such file. Also says whether others can read it.
pub(super) fn read(path: &Path) -> Result<Option<(SecretsFile, bool)>, SecretsFileError> {
    let file = match files::read_small(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text = std::str::from_utf8(&file.bytes)
        .map_err(|e| SecretsFileError::Garbled(line(&file.bytes[..e.valid_up_to()])))?;
    Ok(Some((parse(text)?, file.exposed)))
}

fn parse(text: &str) -> Result<SecretsFile, SecretsFileError> {
    let table = text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().map_or(0, |span| span.start.min(text.len()));
        SecretsFileError::Garbled(line(&text.as_bytes()[..before]))
    })?;
    let mut secrets = SecretsFile::default();
    for (key, value) in table {
        let name = SecretName::ALL.into_iter().find(|name| name.as_str() == key);
        let name = name.ok_or(SecretsFileError::UnknownKey)?;
        let toml::Value::String(value) = value else {
            return Err(SecretsFileError::Value(name, "a string"));
        };
        let value = SecretString::from(value);
        check(name, &value)?;
        secrets.0[name as usize] = Some(value);
    }
    Ok(secrets)
}

fn check(name: SecretName, value: &SecretString) -> Result<(), SecretsFileError> {
    let text = value.expose_secret();
    match name {
        SecretName::MasterKey if MasterKey::from_base64url(text).is_err() => {
            Err(SecretsFileError::Value(name, "32 bytes in base64url without padding"))
        }
        SecretName::RevocationApiToken | SecretName::AdminToken
            if text.len() < 32 || !text.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Err(SecretsFileError::Value(name, "32 or more printable characters without spaces"))
        }
        _ => Ok(()),
    }
}

fn line(before: &[u8]) -> usize {
    before.split(|&b| b == b'\n').count()
}

/// Makes `path` with three fresh secrets unless it exists; says whether it did. The file appears
/// whole or not at all: it is written under another name and then linked, which fails where
/// somebody else was faster.
pub(super) fn make(path: &Path, random: &dyn Randomness) -> Result<bool, SecretsFileError> {
    let suffix = fresh(random);
    let temporary = path.with_file_name(format!(".secrets.{}.new", &suffix[..12]));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file
        .write_all(content(random).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    removed?;
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        File::open(dir)?.sync_all()?;
    }
    Ok(true)
}

fn content(random: &dyn Randomness) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(512));
    text.push_str("# Made by portcullis at its first start. Keep it secret, and keep a copy:\n");
    text.push_str("# without master_key the database cannot be read.\n");
    for name in SecretName::ALL {
        for part in [name.as_str(), " = \"", &fresh(random), "\"\n"] {
            text.push_str(part);
        }
    }
    text
}

/// 32 random bytes in base64url.
fn fresh(random: &dyn Randomness) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(bytes.as_mut());
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_base::SystemRandomness;

    #[test]
    fn what_is_made_is_read_and_all_three_differ() {
        let secrets = parse(&content(&SystemRandomness)).unwrap();
        let values = SecretName::ALL.map(|n| secrets.get(n).unwrap().expose_secret().to_owned());
        assert!(values.iter().all(|v| v.len() == 43));
        assert!(values[0] != values[1] && values[1] != values[2] && values[0] != values[2]);
    }

    #[test]
    fn a_missing_secret_is_an_error_only_where_it_is_asked_for() {
        let token = "t".repeat(32);
        let secrets = parse(&format!("admin_token = \"{token}\"")).unwrap();
        assert_eq!(secrets.get(SecretName::AdminToken).unwrap().expose_secret(), token);
        let error = secrets.get(SecretName::MasterKey).unwrap_err();
        assert!(error.to_string().starts_with("master_key"));
    }

    #[test]
    fn a_garbled_file_is_refused_without_a_word_of_it() {
        for bad in [
            "hunter2",
            "master_key = hunter2",
            "master_key = \"hunter2\"",
            "admin_token = \"hunter2\"",
            "admin_token = [\"hunter2\"]",
            "hunter2 = 1",
            "\n\nadmin_token = \"hunter2",
        ] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(matches!(parse("\n\nx = \"a"), Err(SecretsFileError::Garbled(3))));
    }
}
