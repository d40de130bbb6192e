//! `portcullis secrets show`

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::output::Output;
use crate::config::{self, Config, Sources};
use crate::data_dir::SecretName;
use crate::error::StartError;

/// Prints the secret in force: that of the configuration, else that of the data directory.
pub(super) fn show(
    name: SecretName,
    sources: &Sources,
    output: &mut Output,
) -> Result<(), StartError> {
    let reading = config::read(sources);
    output.warnings(&reading.warnings);
    let config = reading.config.map_err(StartError::Config)?;
    let secret = find(name, &config, sources, output)?;
    let secret = secret.expose_secret();
    output.result(secret, &json!({"name": name.as_str(), "secret": secret}));
    Ok(())
}

/// The secret in force; makes nothing.
pub(super) fn find(
    name: SecretName,
    config: &Config,
    sources: &Sources,
    output: &mut Output,
) -> Result<SecretString, StartError> {
    match configured(name, config)? {
        Some(secret) => Ok(secret),
        None => kept(name, sources, output),
    }
}

fn configured(name: SecretName, config: &Config) -> Result<Option<SecretString>, StartError> {
    Ok(match name {
        SecretName::MasterKey => {
            let key = config.secrets.master_key.as_ref();
            key.map(|key| SecretString::from(key.to_base64url().as_str()))
        }
        SecretName::AdminToken => config.secrets.admin_tokens.first().cloned(),
        SecretName::RevocationApiToken => match config.revocation_api.clients.as_slice() {
            [] => None,
            [only] => Some(only.token.clone()),
            // Which one is meant cannot be guessed.
            _ => {
                let text = "the configuration names several revocation_api.clients";
                return Err(StartError::new("ambiguous", text));
            }
        },
    })
}

fn kept(
    name: SecretName,
    sources: &Sources,
    output: &mut Output,
) -> Result<SecretString, StartError> {
    let Some(opened) = sources.data_dir.read()? else {
        let path = sources.data_dir.secrets_path();
        let text = format!("{} is made at the first `portcullis serve`", path.display());
        return Err(StartError::new("no-secrets", text));
    };
    output.warnings(&opened.warnings);
    let secret = opened.secrets.get(name).map_err(|e| sources.data_dir.secrets_error(e))?;
    Ok(secret.clone())
}
