//! `portcullis jwt verify` and `portcullis jwt inspect`

pub(super) mod inspect;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::{Clock, ManualClock, SystemClock};
use portcullis_jwt_verify::sources::{KeySource, RemoteKeys, RemoteOptions, StaticKeys};
use portcullis_jwt_verify::{Algorithm, Error, KeySet, Verifier};
use serde_json::Value;
use time::OffsetDateTime;

use super::output::Output;
use super::{runtime, standard_input, terminal};
use crate::cli::{JwtCommand, VerifyArgs};
use crate::config::files;
use crate::error::StartError;

/// Does it.
pub(super) fn run(command: &JwtCommand, output: &mut Output) -> Result<(), StartError> {
    match command {
        JwtCommand::Verify(args) => verify(args, output),
        JwtCommand::Inspect { token } => {
            inspect::run(&standard_input::or(token)?, SystemClock.now(), output)
        }
    }
}

/// Prints the claims of a token that holds; of a JWS its payload, to the byte.
fn verify(args: &VerifyArgs, output: &mut Output) -> Result<(), StartError> {
    let verifier = verifier(args)?;
    let token = standard_input::or(&args.token)?;
    if args.jws {
        let payload = runtime::block_on(verifier.verify_payload(&token))?;
        output.bytes(&payload.map_err(|error| refusal(&error, &verifier))?);
        return Ok(());
    }
    let claims = runtime::block_on(verifier.verify(&token))?;
    let claims = Value::from(claims.map_err(|error| refusal(&error, &verifier))?.members().clone());
    output.result(&terminal::json(&claims), &claims);
    Ok(())
}

fn verifier(args: &VerifyArgs) -> Result<Verifier, StartError> {
    let builder = Verifier::builder(keys(&args.jwks)?);
    let builder = match &args.issuer {
        Some(issuer) => builder.issuer(issuer),
        None => builder.any_issuer(),
    };
    let mut builder = match &args.audience {
        Some(audience) => builder.audience(audience),
        None => builder.any_audience(),
    };
    if args.issuer.is_none() && args.audience.is_none() {
        builder = builder.without_expiry().without_subject();
    }
    let algorithms = if args.alg.is_empty() { Algorithm::ALL.to_vec() } else { args.alg.clone() };
    let leeway = Duration::from_secs(args.leeway.into());
    Ok(builder.algorithms(algorithms).leeway(leeway).clock(clock(args.at)?).build())
}

fn clock(at: Option<u64>) -> Result<Arc<dyn Clock>, StartError> {
    let Some(at) = at else { return Ok(Arc::new(SystemClock)) };
    let at = i64::try_from(at).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let at = at.ok_or_else(|| StartError::new("at", "--at lies beyond the year 9999"))?;
    Ok(Arc::new(ManualClock::at(at)))
}

/// Whatever begins as an address is one; all else is a file.
fn keys(place: &str) -> Result<Arc<dyn KeySource>, StartError> {
    // A scheme is one in any case (RFC 3986, section 3.1).
    let is =
        |scheme: &str| place.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
    if is("https://") || is("http://") {
        return remote(place);
    }
    let fail = |text: &dyn std::fmt::Display| {
        StartError::new("jwks", format!("{}: {text}", terminal::plain(place)))
    };
    let file = files::read_small(Path::new(place)).map_err(|error| fail(&error))?;
    // A file of one's own may hold the private halves too.
    let set = KeySet::from_own_jwks(&file.bytes).ok_or_else(|| fail(&"is no JWK set"))?;
    Ok(Arc::new(StaticKeys::new(set)))
}

/// Why the token is refused; where its key may be one that is not used, that is told too.
fn refusal(error: &Error, verifier: &Verifier) -> StartError {
    let skipped = verifier.health().skipped;
    if !matches!(error, Error::KeyUnknown | Error::KeyMismatch) || skipped.is_empty() {
        return StartError::new(error.code(), error);
    }
    let name = |id: &Option<String>| terminal::plain(id.as_deref().unwrap_or("without a kid"));
    let told: Vec<String> =
        skipped.iter().take(5).map(|(id, why)| format!("{} ({why})", name(id))).collect();
    let text = format!("{error}; of its set these are not used: {}", told.join(", "));
    StartError::new(error.code(), text)
}

fn remote(url: &str) -> Result<Arc<dyn KeySource>, StartError> {
    let fail = |text: &dyn std::fmt::Display| StartError::new("jwks", text);
    let http = client(&ClientOptions::default()).map_err(|error| fail(&error))?;
    let keys = RemoteKeys::jwks(url, RemoteOptions::new(http)).map_err(|error| fail(&error))?;
    Ok(Arc::new(keys))
}
