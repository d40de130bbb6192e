//! `portcullis pat generate` and `portcullis pat parse`

use portcullis_base::Randomness;
use portcullis_base::random::RngFrom;
use portcullis_base::secret::SecretString;
use portcullis_pat::{KeyRing, SigningKey};
use serde_json::json;

use super::output::Output;
use super::standard_input;
use crate::cli::KeyArgs;
use crate::config::files;
use crate::error::StartError;

/// Prints a fresh token and its digest.
pub(super) fn generate(
    keys: &KeyArgs,
    random: &dyn Randomness,
    output: &mut Output,
) -> Result<(), StartError> {
    let pat = key_ring(keys, output)?.generate(&mut RngFrom(random));
    let (token, digest) = (pat.expose(), pat.digest());
    let people = format!("token   {token}\ndigest  {digest}");
    output.result(&people, &json!({"token": token, "digest": digest.to_string()}));
    Ok(())
}

/// Prints the digest of a token whose signature is good.
pub(super) fn parse(
    keys: &KeyArgs,
    token: &SecretString,
    output: &mut Output,
) -> Result<(), StartError> {
    let ring = key_ring(keys, output)?;
    let text = standard_input::or(token)?;
    let pat = ring.parse(&text).map_err(|error| StartError::new(error.code(), error))?;
    let digest = pat.digest().to_string();
    output.result(&digest, &json!({"digest": digest}));
    Ok(())
}

fn key_ring(keys: &KeyArgs, output: &mut Output) -> Result<KeyRing, StartError> {
    let fail = |text: &dyn std::fmt::Display| StartError::new("key-file", text);
    let file = files::read_small(&keys.key_file).map_err(|e| fail(&e))?;
    if file.exposed {
        output.warnings(&["others on this machine can read the key file; chmod 600 it".into()]);
    }
    let text = std::str::from_utf8(&file.bytes).map_err(|_| fail(&"the file is not UTF-8"))?;
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let key = SigningKey::from_base64url(line);
        found.push(key.map_err(|error| fail(&format!("line {}: {error}", i + 1)))?);
    }
    KeyRing::new(&keys.prefix, found).map_err(|error| fail(&error))
}
