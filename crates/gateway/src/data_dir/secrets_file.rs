//! `secrets.toml`: three secrets, made together; only a change of the master key writes it again.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_base::Randomness;
use portcullis_base::seal::MasterKey;
use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};
use thiserror::Error;

use crate::config::files;

const NOT_A_KEY: &str = "32 bytes in base64url without padding";

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
    #[error(
        "holds a key that is none of master_key, previous_master_key, revocation_api_token and admin_token"
    )]
    UnknownKey,
    /// A value is missing, or not what it should be.
    #[error("{0} must be {1}; the file is left as it is")]
    Value(SecretName, &'static str),
    /// The master key before is not what it should be.
    #[error("previous_master_key must be 32 bytes in base64url without padding")]
    PreviousKey,
    /// The file was there a moment ago.
    #[error("was removed while it was read")]
    Gone,
}

/// The master key whose place `master_key` takes; there while the change is not finished.
const PREVIOUS: &str = "previous_master_key";

/// What a secrets file holds: each value sound, though not each need be there.
#[derive(Debug, Default)]
pub struct SecretsFile {
    secrets: [Option<SecretString>; 3],
    previous: Option<MasterKey>,
}

impl SecretsFile {
    /// The secret of that name; an error where the file leaves it out.
    pub fn get(&self, name: SecretName) -> Result<&SecretString, SecretsFileError> {
        let missing = SecretsFileError::Value(name, "in it (or in the configuration)");
        self.secrets[name as usize].as_ref().ok_or(missing)
    }

    /// The master key.
    pub fn master_key(&self) -> Result<MasterKey, SecretsFileError> {
        let text = self.get(SecretName::MasterKey)?;
        let key = MasterKey::from_base64url(text.expose_secret());
        key.map_err(|_| SecretsFileError::Value(SecretName::MasterKey, NOT_A_KEY))
    }

    /// The master key before, while a change is not finished.
    pub fn previous(&self) -> Option<MasterKey> {
        self.previous.clone()
    }

    /// The same file with another master key, and the one before as the previous one where that is still
    /// needed.
    pub(super) fn with_master_key(mut self, key: &MasterKey, previous: Option<MasterKey>) -> Self {
        let text = SecretString::from(key.to_base64url().as_str());
        self.secrets[SecretName::MasterKey as usize] = Some(text);
        Self { previous, ..self }
    }

    fn text(&self) -> Zeroizing<String> {
        let previous = self.previous.as_ref().map(|key| (PREVIOUS, key.to_base64url()));
        let named = |name: SecretName| {
            // Printable ASCII, as [`check`] has seen.
            let text = self.secrets[name as usize].as_ref()?.expose_secret();
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            Some((name.as_str(), Zeroizing::new(escaped)))
        };
        content(SecretName::ALL.into_iter().filter_map(named).chain(previous))
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
        if key == PREVIOUS {
            secrets.previous = Some(previous(&value)?);
            continue;
        }
        let name = SecretName::ALL.into_iter().find(|name| name.as_str() == key);
        let name = name.ok_or(SecretsFileError::UnknownKey)?;
        let toml::Value::String(value) = value else {
            return Err(SecretsFileError::Value(name, "a string"));
        };
        let value = SecretString::from(value);
        check(name, &value)?;
        secrets.secrets[name as usize] = Some(value);
    }
    Ok(secrets)
}

fn previous(value: &toml::Value) -> Result<MasterKey, SecretsFileError> {
    let key = value.as_str().and_then(|text| MasterKey::from_base64url(text).ok());
    key.ok_or(SecretsFileError::PreviousKey)
}

fn check(name: SecretName, value: &SecretString) -> Result<(), SecretsFileError> {
    let text = value.expose_secret();
    match name {
        SecretName::MasterKey if MasterKey::from_base64url(text).is_err() => {
            Err(SecretsFileError::Value(name, NOT_A_KEY))
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
    let secrets = SecretName::ALL.map(|name| (name.as_str(), fresh(random)));
    let temporary = write(path, &content(secrets), random)?;
    let written = fs::hard_link(&temporary, path);
    let removed = fs::remove_file(&temporary);
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    removed?;
    sync_folder(path)?;
    Ok(true)
}

/// Puts `secrets` in the place of the file, whole or not at all.
pub(super) fn replace(
    path: &Path,
    secrets: &SecretsFile,
    random: &dyn Randomness,
) -> Result<(), SecretsFileError> {
    // Where the name is a link, the file that it names is replaced, not the link.
    let path = &path.canonicalize()?;
    let temporary = write(path, &secrets.text(), random)?;
    if let Err(error) = fs::rename(&temporary, path) {
        fs::remove_file(&temporary)?;
        return Err(error.into());
    }
    Ok(sync_folder(path)?)
}

/// Writes a file of another name beside `path`, down to the disk.
fn write(path: &Path, text: &str, random: &dyn Randomness) -> io::Result<PathBuf> {
    let suffix = fresh(random);
    let temporary = path.with_file_name(format!(".secrets.{}.new", &suffix[..12]));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
        fs::remove_file(&temporary)?;
        return Err(error);
    }
    Ok(temporary)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn content<'n>(
    secrets: impl IntoIterator<Item = (&'n str, Zeroizing<String>)>,
) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(512));
    text.push_str("# Made by portcullis at its first start. Keep it secret, and keep a copy:\n");
    text.push_str("# without master_key the database cannot be read.\n");
    for (name, secret) in secrets {
        for part in [name, " = \"", secret.as_str(), "\"\n"] {
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
        let made = SecretName::ALL.map(|name| (name.as_str(), fresh(&SystemRandomness)));
        let secrets = parse(&content(made)).unwrap();
        let values = SecretName::ALL.map(|n| secrets.get(n).unwrap().expose_secret().to_owned());
        assert!(values.iter().all(|v| v.len() == 43));
        assert!(values[0] != values[1] && values[1] != values[2] && values[0] != values[2]);
    }

    #[test]
    fn another_master_key_leaves_the_rest_of_the_file_as_it_was() {
        let token = r#"t\u"'"#.repeat(10);
        let [old, new] = [(); 2].map(|()| MasterKey::generate(&SystemRandomness));
        let mut given = SecretsFile::default();
        given.secrets[SecretName::AdminToken as usize] = Some(token.clone().into());
        let both = parse(&given.with_master_key(&new, Some(old.clone())).text()).unwrap();
        let same = |a: &MasterKey, b: &MasterKey| a.to_base64url() == b.to_base64url();
        assert!(same(&both.master_key().unwrap(), &new) && same(&both.previous().unwrap(), &old));
        assert_eq!(both.get(SecretName::AdminToken).unwrap().expose_secret(), token);
        assert!(both.get(SecretName::RevocationApiToken).is_err());
        let one = parse(&both.with_master_key(&new, None).text()).unwrap();
        assert!(same(&one.master_key().unwrap(), &new) && one.previous().is_none());
        assert!(parse("previous_master_key = \"hunter2\"").is_err());
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
