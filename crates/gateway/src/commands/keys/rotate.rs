//! `portcullis keys rotate`

use std::time::Duration;

use portcullis_oidc_proxy::keyring::Choice;
use portcullis_oidc_proxy::keys::{self, Rotated, Rotation, shortest_wait};
use serde_json::json;
use time::OffsetDateTime;

use super::{Place, moment, recipe, warn_of_exposed};
use crate::cli::RotateArgs;
use crate::commands::output::Output;
use crate::commands::{table, times};
use crate::error::StartError;

const DAY: Duration = Duration::from_hours(24);
/// What a gateway announces whose configuration does not say otherwise.
const USUAL_CACHE: Duration = Duration::from_mins(5);

/// Publishes a new key, and says when it signs and when those before it go.
pub(super) fn run(
    place: &Place,
    args: &RotateArgs,
    now: OffsetDateTime,
    output: &mut Output,
) -> Result<(), StartError> {
    check_choice(place, args, output)?;
    check_wait(place, args.publish_for, output)?;
    warn_of_exposed(&place.file, output);
    let configured = place.settings.as_ref().and_then(|settings| settings.max_lifetime);
    // Tokens of before may live longer than what is configured now.
    let longest_token = configured.max(args.longest_token).unwrap_or(DAY);
    let rotation = Rotation {
        recipe: recipe(&args.key),
        publish_for: args.publish_for,
        longest_token,
        forget: args.forget,
    };
    let rotated = keys::rotate(&place.file, &rotation, now).map_err(|error| place.bad(&error))?;
    if configured.is_none() && args.longest_token.is_none() {
        let warning = "neither --longest-token nor oidc_proxy.max_lifetime says how long tokens live: the \
                       old key is published for 24 h after it signs last, and a token that lives longer \
                       is refused then";
        output.warnings(&[warning.to_owned()]);
    }
    tell(place, args, &rotated, now, output);
    Ok(())
}

fn check_choice(place: &Place, args: &RotateArgs, output: &mut Output) -> Result<(), StartError> {
    let name = args.key.alg.name();
    match (place.choice(args.key.alg), &place.settings) {
        (Some(Choice::Pinned(kid)), _) => {
            let text = format!(
                "oidc_proxy.signing_key_ids names the key {kid:?} for {name}, which signs whatever the \
                 time is: put {name} in oidc_proxy.signing_algs instead"
            );
            Err(StartError::new("pinned", text))
        }
        (None, Some(_)) => {
            let warning =
                format!("oidc_proxy.signing_algs: {name} is not in it, nothing signs by it");
            output.warnings(&[warning]);
            Ok(())
        }
        (Some(Choice::Latest), _) | (None, None) => Ok(()),
    }
}

fn check_wait(place: &Place, wait: Duration, output: &mut Output) -> Result<(), StartError> {
    let shown = |duration| humantime::format_duration(duration);
    let cache = place.settings.as_ref().map(|settings| settings.cache_max_age);
    let shortest = shortest_wait(cache.unwrap_or(USUAL_CACHE));
    if wait >= shortest {
        return Ok(());
    }
    let Some(cache) = cache else {
        let warning = format!(
            "--publish-for: shorter than {}: verifiers that keep our keys as long as they may (for {} \
             unless oidc_proxy.cache_max_age says otherwise) may refuse tokens",
            shown(shortest),
            shown(USUAL_CACHE),
        );
        output.warnings(&[warning]);
        return Ok(());
    };
    let text = format!(
        "must be at least {}: verifiers are told to keep our keys for {} (oidc_proxy.cache_max_age)",
        shown(shortest),
        shown(cache),
    );
    Err(StartError::new("publish-for", text))
}

fn tell(
    place: &Place,
    args: &RotateArgs,
    rotated: &Rotated,
    now: OffsetDateTime,
    output: &mut Output,
) {
    let shown = |at| times::with_distance(&moment(at), now);
    let mut facts = vec![
        ("kid", rotated.kid.clone()),
        ("alg", args.key.alg.name().to_owned()),
        ("file", place.file.display().to_string()),
        ("signs from", shown(rotated.signs_from)),
    ];
    let retired = rotated.retire.iter().map(|(kid, at)| format!("{kid} {}", shown(*at)));
    facts.extend(retired.map(|text| ("retires", text)));
    facts.extend(rotated.forgotten.iter().map(|kid| ("forgotten", kid.clone())));
    let retire = rotated.retire.iter();
    let retire: Vec<_> =
        retire.map(|(kid, at)| json!({"kid": kid, "retired_at": moment(*at)})).collect();
    let machines = json!({
        "kid": rotated.kid,
        "alg": args.key.alg.name(),
        "file": place.file.display().to_string(),
        "signs_from": moment(rotated.signs_from),
        "retire": retire,
        "forgotten": rotated.forgotten,
    });
    output.result(&table::facts(&facts, 0), &machines);
}
