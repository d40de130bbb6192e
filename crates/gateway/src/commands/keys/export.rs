//! `portcullis keys export`

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_jwt_verify::Algorithm;
use portcullis_oidc_proxy::keyfile::{self, KeyFileError};
use portcullis_oidc_proxy::keyring::{Choice, Keyring, Signing};
use portcullis_oidc_proxy::keys::OwnKeys;
use portcullis_oidc_proxy::resign::COMPOSED;
use portcullis_oidc_proxy::{Exported, IssuerName};
use serde_json::json;
use time::OffsetDateTime;

use crate::cli::KeyPlace;
use crate::commands::output::Output;
use crate::compose::policy;
use crate::config::{self, Environment, OidcProxy, is_issuer};
use crate::error::StartError;

/// As a gateway announces whose configuration does not say otherwise.
const USUAL_CACHE: u64 = 300;

/// Writes both documents, and says how they are to be served.
pub(super) fn run(
    folder: &Path,
    issuer: Option<&str>,
    place: &KeyPlace,
    environment: &Environment,
    now: OffsetDateTime,
    output: &mut Output,
) -> Result<(), StartError> {
    let section = match &place.file {
        Some(_) => None,
        None => Some(section(place, environment, output)?),
    };
    let issuer = name(issuer, section.as_ref())?;
    let keyring = keyring(place, section.as_ref(), now.unix_timestamp())?;
    let policy = section.as_ref().map(policy);
    let mut claims = policy.as_ref().map_or_else(|| COMPOSED.to_vec(), |policy| policy.claims());
    claims.sort_unstable();
    let max_age = section.as_ref().map_or(USUAL_CACHE, |section| section.cache_max_age.as_secs());
    let files = portcullis_oidc_proxy::export(folder, &issuer, &keyring, &claims, max_age);
    let files = files.map_err(|error| {
        StartError::new("write", format!("{} cannot be written: {error}", folder.display()))
    })?;
    tell(&files, output);
    Ok(())
}

/// All of it is checked: what is written is what a gateway with this configuration serves.
fn section(
    place: &KeyPlace,
    environment: &Environment,
    output: &mut Output,
) -> Result<OidcProxy, StartError> {
    let reading = config::read(&place.sources.sources(environment));
    output.warnings(&reading.warnings);
    let config = reading.config.map_err(StartError::Config)?;
    config.oidc_proxy.ok_or_else(super::no_file)
}

fn name(given: Option<&str>, section: Option<&OidcProxy>) -> Result<String, StartError> {
    match (given, section.map(|section| &section.issuer)) {
        (Some(issuer), _) if is_issuer(issuer) => Ok(issuer.to_owned()),
        (Some(_), _) => {
            let text = "--issuer must be an https URL without user, query or fragment";
            Err(StartError::new("issuer", text))
        }
        (None, Some(IssuerName::Fixed(issuer))) => Ok(issuer.clone()),
        (None, Some(IssuerName::OfRequest(_)) | None) => {
            Err(StartError::new("issuer", "nothing says what the issuer is called: say --issuer"))
        }
    }
}

fn keyring(place: &KeyPlace, section: Option<&OidcProxy>, now: i64) -> Result<Keyring, StartError> {
    let file = place.file.as_deref().or(section.map(|section| section.jwks_file.as_path()));
    let file = file.unwrap_or(Path::new(""));
    let bad = |error: KeyFileError| StartError::new("keys", format!("{} {error}", file.display()));
    let keys = keyfile::load(file).map_err(bad)?;
    let signing = section.map_or_else(|| all(&keys, now), |section| section.signing.clone());
    Keyring::new(keys, &signing, now).map_err(|error| bad(error.into()))
}

/// Everything signs that can now.
fn all(keys: &OwnKeys, now: i64) -> Signing {
    let signs = |algorithm: &Algorithm| {
        keys.candidates(*algorithm).iter().any(|(_, times, _)| times.may_sign(now))
    };
    let choices = Algorithm::ALL.into_iter().filter(signs).map(|one| (one, Choice::Latest));
    let choices: BTreeMap<_, _> = choices.collect();
    let default = choices.keys().next().copied().unwrap_or(Algorithm::Rs256);
    Signing { choices, default }
}

fn tell(files: &[Exported], output: &mut Output) {
    let line = |file: &Exported| {
        let (kind, cache) = (file.content_type, &file.cache_control);
        format!("{}\n  Content-Type: {kind}\n  Cache-Control: {cache}", file.file.display())
    };
    let machine = |file: &Exported| {
        json!({
            "file": file.file.display().to_string(),
            "content_type": file.content_type,
            "cache_control": file.cache_control,
        })
    };
    let people: Vec<_> = files.iter().map(line).collect();
    let machines: Vec<_> = files.iter().map(machine).collect();
    output.result(&people.join("\n"), &json!({ "files": machines }));
}
