//! From a configuration to one that can start: the secrets that it leaves out are found or made.

use std::path::PathBuf;

use portcullis_base::Randomness;
use portcullis_base::seal::{MasterKey, MasterKeys};
use portcullis_base::secret::ExposeSecret as _;

use super::problem::{Notes, Problem};
use super::sections::{Client, Config, DatabaseKind};
use super::{Reading, Said, Sources, read};
use crate::data_dir::{DataDir, SecretName, SecretsFile, SecretsFileError};
use crate::error::StartError;

/// A configuration with all its secrets.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration. `secrets.admin_tokens` and `revocation_api.clients` are not empty.
    pub config: Config,
    /// The key that everything at rest hangs on, and while it is changed those whose place it takes.
    pub master_key: MasterKeys,
    /// The data directory; it exists where the database or a secret lives in it.
    pub data_dir: DataDir,
    /// Where the secrets came from that the configuration leaves out.
    pub secrets_origin: SecretsOrigin,
    /// What it says, key by key, with the secrets that it leaves out.
    pub said: Said,
    /// What an operator should look at.
    pub warnings: Vec<String>,
}

/// Which secrets came from the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsOrigin {
    /// The secrets file.
    pub path: PathBuf,
    /// What was taken from it; empty where the configuration gives everything.
    pub taken: Vec<SecretName>,
    /// Whether the file was made just now.
    pub made: bool,
}

/// The secrets that `config` leaves out.
fn left_out(config: &Config) -> Vec<SecretName> {
    let out = |name: &SecretName| match name {
        SecretName::MasterKey => config.secrets.master_key.is_none(),
        SecretName::RevocationApiToken => config.revocation_api.clients.is_empty(),
        SecretName::AdminToken => config.secrets.admin_tokens.is_empty(),
    };
    SecretName::ALL.into_iter().filter(out).collect()
}

/// On Postgres nothing is made: replicas would each make their own.
pub(super) fn needs_of_postgres(config: &Config, notes: &mut Notes) {
    if config.database.kind == DatabaseKind::Sqlite {
        return;
    }
    for name in left_out(config) {
        let key = match name {
            SecretName::MasterKey => "secrets.master_key",
            SecretName::RevocationApiToken => "revocation_api.clients",
            SecretName::AdminToken => "secrets.admin_tokens",
        };
        notes.problem(key, "is required with Postgres: replicas must share it");
    }
}

/// Validates everything that [`load`] would, and makes nothing. The secrets file is looked at where
/// there is one.
pub fn check(sources: &Sources) -> Reading {
    let mut reading = read(sources);
    let Ok(config) = &reading.config else { return reading };
    let needed = left_out(config);
    if needed.is_empty() {
        return reading;
    }
    let found = match sources.data_dir.read() {
        Ok(None) => return reading,
        Ok(Some(opened)) => {
            reading.warnings.extend(opened.warnings);
            lacks(&opened.secrets, &needed).map_err(|e| e.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(problem) = found {
        let key = sources.data_dir.secrets_path().display().to_string();
        reading.config = Err(vec![Problem { key, problem }]);
    }
    reading
}

fn lacks(secrets: &SecretsFile, needed: &[SecretName]) -> Result<(), SecretsFileError> {
    needed.iter().try_for_each(|name| secrets.get(*name).map(drop))
}

/// Reads and checks a configuration and completes it, making the data directory and its secrets
/// where the configuration calls for them.
pub fn load(sources: &Sources, random: &dyn Randomness) -> Result<Loaded, StartError> {
    let Reading { config, mut warnings, mut said, .. } = read(sources);
    let mut config = config.map_err(StartError::Config)?;
    let data_dir = sources.data_dir.clone();
    let taken = left_out(&config);
    let path = data_dir.secrets_path();
    let mut made = false;
    if !taken.is_empty() {
        let opened = data_dir.open(random)?;
        fill(&mut config, &opened.secrets, &taken, &mut said)
            .map_err(|e| data_dir.secrets_error(e))?;
        warnings.extend(opened.warnings);
        made = opened.made;
    } else if config.database_is_in(&data_dir) {
        warnings.extend(data_dir.ensure()?);
    }
    // `fill` has found it where the configuration leaves it out.
    let Some(master_key) = config.secrets.master_key.clone() else {
        let missing = SecretsFileError::Value(SecretName::MasterKey, "in it");
        return Err(data_dir.secrets_error(missing).into());
    };
    let master_key = MasterKeys::new(master_key, config.secrets.previous_master_keys.clone());
    let secrets_origin = SecretsOrigin { path, taken, made };
    Ok(Loaded { config, master_key, data_dir, secrets_origin, said, warnings })
}

/// Reads a configuration once more while it is in use, and makes nothing: secrets that are gone are a problem
/// like every other. Also gives what an operator should look at.
pub fn again(sources: &Sources) -> Result<(Config, Said, Vec<String>), Vec<Problem>> {
    let Reading { config, mut warnings, mut said, .. } = read(sources);
    let mut config = config?;
    let taken = left_out(&config);
    if taken.is_empty() {
        return Ok((config, said, warnings));
    }
    let key = sources.data_dir.secrets_path().display().to_string();
    let opened = sources.data_dir.read().map_err(|error| error.to_string());
    let filled = opened.and_then(|opened| {
        let opened = opened.ok_or_else(|| SecretsFileError::Gone.to_string())?;
        warnings.extend(opened.warnings);
        fill(&mut config, &opened.secrets, &taken, &mut said).map_err(|error| error.to_string())
    });
    filled.map_err(|problem| vec![Problem { key, problem }])?;
    Ok((config, said, warnings))
}

fn fill(
    config: &mut Config,
    secrets: &SecretsFile,
    names: &[SecretName],
    said: &mut Said,
) -> Result<(), SecretsFileError> {
    for &name in names {
        let secret = secrets.get(name)?;
        let key = match name {
            SecretName::MasterKey => "secrets.master_key",
            SecretName::RevocationApiToken => "revocation_api.clients[0].token",
            SecretName::AdminToken => "secrets.admin_tokens[0]",
        };
        said.add(key, secret.expose_secret().as_bytes());
        match name {
            SecretName::MasterKey => {
                let key = MasterKey::from_base64url(secret.expose_secret());
                let bad = |_| SecretsFileError::Value(name, "32 bytes in base64url");
                config.secrets.master_key = Some(key.map_err(bad)?);
                config.secrets.previous_master_keys = secrets.previous().into_iter().collect();
            }
            SecretName::RevocationApiToken => {
                config.revocation_api.clients.push(Client::by_default(secret.clone()));
            }
            SecretName::AdminToken => config.secrets.admin_tokens.push(secret.clone()),
        }
    }
    Ok(())
}
