//! Another key takes over, and no token is refused for it.

use std::path::Path;
use std::time::Duration;

use portcullis_jwt_verify::Algorithm;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::Times;
use super::edit::{Content, EditError, Locked, is_of};
use super::generate::{NewKey, Recipe};

/// A gateway takes a changed file up within a second, and a clock of whole seconds loses another.
const TAKEN_UP: Duration = Duration::from_secs(2);

/// How one key follows another.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The new key.
    pub recipe: Recipe,
    /// For how long it is published before it signs: [`shortest_wait`] at the least, or verifiers refuse
    /// what it signs.
    pub publish_for: Duration,
    /// The longest life of a token, for which the old keys stay published when they sign no more.
    pub longest_token: Duration,
    /// Whether keys of this algorithm that are retired leave the file.
    pub forget: bool,
}

/// What became of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The new key.
    pub kid: String,
    /// From when on it signs, in seconds since 1970.
    pub signs_from: i64,
    /// Those before it, each with when it is retired.
    pub retire: Vec<(String, i64)>,
    /// Those that left the file.
    pub forgotten: Vec<String>,
}

/// The shortest time for which a key has to be published before it signs, where its readers may keep what
/// they read for `max_age`: twice that, and 2 s more than it.
pub fn shortest_wait(max_age: Duration) -> Duration {
    max_age.saturating_mul(2).max(max_age.saturating_add(TAKEN_UP))
}

/// Makes a key, and the file where there is none; says its `kid` and whether the file is new. Beside one
/// that signs by the same algorithm only where `beside` says so: which of the two signs is to be pinned.
pub fn add(
    path: &Path,
    recipe: &Recipe,
    beside: bool,
    now: OffsetDateTime,
) -> Result<(String, bool), EditError> {
    let (file, algorithm) = (Locked::take(path)?, recipe.algorithm);
    let content = file.read()?;
    let made = content.is_none();
    let mut content = content.unwrap_or_else(Content::empty);
    if !beside && content.keys.iter().any(|key| is_of(key, algorithm)) {
        return Err(EditError::Beside(algorithm));
    }
    let key = NewKey::generate(recipe, now.unix_timestamp())?;
    let kid = key.kid().to_owned();
    content.push(key, algorithm)?;
    file.write(content)?;
    Ok((kid, made))
}

/// Publishes a new key, which signs when `publish_for` is over, and has those before it retired when no
/// token that they signed is alive.
pub fn rotate(path: &Path, rotation: &Rotation, now: OffsetDateTime) -> Result<Rotated, EditError> {
    let algorithm = rotation.recipe.algorithm;
    let file = Locked::take(path)?;
    let mut content = file.read()?.ok_or(EditError::Nothing(algorithm))?;
    // A part of a second counts as a whole one: neither time may be too early.
    let second = now.unix_timestamp() + i64::from(now.nanosecond() > 0);
    let signs_from = after(second, rotation.publish_for);
    check(&content, algorithm, now.unix_timestamp(), signs_from)?;
    let forgotten =
        if rotation.forget { forget(&mut content, algorithm, second) } else { Vec::new() };
    let retire = retire(&mut content, algorithm, after(signs_from, rotation.longest_token));
    let key = NewKey::generate(&rotation.recipe, now.unix_timestamp())?;
    let kid = key.kid().to_owned();
    content.push(key, algorithm)?;
    if let Some(key) = content.keys.last_mut() {
        key.insert("nbf".to_owned(), json!(signs_from));
    }
    file.write(content)?;
    Ok(Rotated { kid, signs_from, retire, forgotten })
}

/// A part of a second counts as a whole one.
fn after(from: i64, wait: Duration) -> i64 {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    from.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// The file was read as keys before, so its times are numbers.
fn times(key: &Map<String, Value>) -> Times {
    let time = |name| key.get(name).and_then(Value::as_i64);
    Times { made_at: time("iat"), signs_from: time("nbf"), retired_at: time("exp") }
}

/// One has to sign now, or there is no wait for the new one; and none after the new one, whose tokens would
/// outlive it.
fn check(
    content: &Content,
    algorithm: Algorithm,
    now: i64,
    signs_from: i64,
) -> Result<(), EditError> {
    let mut ours = content.keys.iter().filter(|key| is_of(key, algorithm));
    if !ours.clone().any(|key| times(key).may_sign(now)) {
        return Err(EditError::Nothing(algorithm));
    }
    if !ours.clone().any(|key| times(key).may_sign(signs_from.saturating_sub(1))) {
        return Err(EditError::Gap(algorithm));
    }
    match ours.find(|key| times(key).signs_from.is_some_and(|from| from > signs_from)) {
        Some(key) => Err(EditError::Later(name(key))),
        None => Ok(()),
    }
}

fn name(key: &Map<String, Value>) -> String {
    key.get("kid").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn forget(content: &mut Content, algorithm: Algorithm, now: i64) -> Vec<String> {
    let gone = |key: &Map<String, Value>| is_of(key, algorithm) && times(key).is_retired(now);
    content.keys.extract_if(.., |key| gone(key)).map(|key| name(&key)).collect()
}

/// Those that are to be retired before stay so.
fn retire(content: &mut Content, algorithm: Algorithm, at: i64) -> Vec<(String, i64)> {
    let ours = content.keys.iter_mut().filter(|key| is_of(key, algorithm));
    let one = |key: &mut Map<String, Value>| {
        let at = times(key).retired_at.map_or(at, |before| before.min(at));
        key.insert("exp".to_owned(), json!(at));
        (name(key), at)
    };
    ours.map(one).collect()
}

#[cfg(test)]
mod tests;
