//! `portcullis keys list`

use std::collections::BTreeMap;

use portcullis_jwt_verify::Algorithm;
use portcullis_oidc_proxy::keyfile;
use portcullis_oidc_proxy::keyring::Choice;
use portcullis_oidc_proxy::keys::{Described, State};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Place, moment, warn_of_exposed};
use crate::commands::output::Output;
use crate::commands::table::Table;
use crate::commands::{terminal, times};
use crate::error::StartError;

/// A row for each key, in the order of the file.
pub(super) fn run(
    place: &Place,
    now: OffsetDateTime,
    output: &mut Output,
) -> Result<(), StartError> {
    warn_of_exposed(&place.file, output);
    let keys = keyfile::load(&place.file)
        .map_err(|error| StartError::new("keys", format!("{} {error}", place.file.display())))?;
    // Without a configuration, all that can rotate does.
    let latest: BTreeMap<_, _> = Algorithm::ALL.map(|name| (name, Choice::Latest)).into();
    let choices = place.settings.as_ref().map_or(&latest, |settings| &settings.choices);
    let now = now.unix_timestamp();
    let all = keys.describe().into_iter().zip(keys.states(choices, now));
    let mut table = Table::new(&["KID", "ALG", "STATE", "AGE"]);
    let mut machines = Vec::new();
    for (key, state) in all {
        table.push(&row(&key, state, now));
        machines.push(described(&key, state));
    }
    if machines.is_empty() {
        output.note("no keys");
    }
    output.result(&table.render(terminal::width(), 0), &json!({ "keys": machines }));
    Ok(())
}

fn row(key: &Described, state: State, now: i64) -> [String; 4] {
    let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let age = key.times.made_at.and_then(|at| u64::try_from(now.saturating_sub(at)).ok());
    let state = match state {
        State::Signs => match key.times.retired_at {
            Some(at) => format!("signs, published until {}", moment(at)),
            None => "signs".to_owned(),
        },
        State::SignsFrom(at) => format!("published, signs from {}", moment(at)),
        State::Published(Some(at)) => format!("published until {}", moment(at)),
        State::Published(None) => "published, does not sign".to_owned(),
        State::Retired => "retired".to_owned(),
        State::NoPrivateHalf => "published, no private half".to_owned(),
        State::NotForSigning => "published, not for signing".to_owned(),
    };
    [
        or(key.id.clone()),
        or(key.algorithm.map(|algorithm| algorithm.name().to_owned())),
        state,
        or(age.map(times::in_short)),
    ]
}

fn described(key: &Described, state: State) -> Value {
    let state = match state {
        State::Signs => "signs",
        State::SignsFrom(_) => "waits",
        State::Published(_) => "published",
        State::Retired => "retired",
        State::NoPrivateHalf => "no_private_half",
        State::NotForSigning => "not_for_signing",
    };
    json!({
        "kid": key.id,
        "alg": key.algorithm.map(Algorithm::name),
        "state": state,
        "made_at": key.times.made_at.map(moment),
        "signs_from": key.times.signs_from.map(moment),
        "retired_at": key.times.retired_at.map(moment),
    })
}
