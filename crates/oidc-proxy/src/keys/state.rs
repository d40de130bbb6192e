//! What each key of a file is at a time.

use std::collections::BTreeMap;

use portcullis_jwt_verify::Algorithm;

use super::{OwnKey, OwnKeys};
use crate::keyring::Choice;

/// What a key is at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// New tokens by its algorithm are signed with it.
    Signs,
    /// It is published, and signs from this time on, in seconds since 1970.
    SignsFrom(i64),
    /// It is published, and does not sign; until this time, where there is one.
    Published(Option<i64>),
    /// It is published no more.
    Retired,
    /// It is published, and there is nothing to sign with.
    NoPrivateHalf,
    /// It is published, and says that it is for something else, or lacks `use`, `alg` or `kid`.
    NotForSigning,
}

impl OwnKeys {
    /// What each key is at `now`, in seconds since 1970, in the order of the file, where these choose which
    /// one signs.
    pub fn states(&self, choices: &BTreeMap<Algorithm, Choice>, now: i64) -> Vec<State> {
        let signing: Vec<usize> =
            choices.iter().filter_map(|choice| self.signing(choice, now)).collect();
        let state = |(at, key): (usize, &OwnKey)| {
            if signing.contains(&at) { State::Signs } else { state(key, now) }
        };
        self.0.iter().enumerate().map(state).collect()
    }

    /// The place of the key that a [`Keyring`](crate::keyring::Keyring) would sign with.
    fn signing(&self, (&algorithm, choice): (&Algorithm, &Choice), now: i64) -> Option<usize> {
        let mut may = self.0.iter().enumerate().filter(|(_, key)| {
            key.signs && key.pkey.is_some() && key.id.is_some() && key.algorithm == Some(algorithm)
        });
        let chosen = match choice {
            Choice::Pinned(kid) => may.find(|(_, key)| key.id.as_ref() == Some(kid)),
            Choice::Latest => may
                .filter(|(_, key)| key.times.may_sign(now))
                .max_by_key(|(_, key)| key.times.from()),
        };
        chosen.map(|(at, _)| at)
    }
}

fn state(key: &OwnKey, now: i64) -> State {
    let from = key.times.signs_from.filter(|from| *from > now);
    match (key.times.is_retired(now), key.signs, key.pkey.is_some(), from) {
        (true, ..) => State::Retired,
        (_, false, ..) => State::NotForSigning,
        (_, true, false, _) => State::NoPrivateHalf,
        (_, true, true, _) if key.id.is_none() || key.algorithm.is_none() => State::NotForSigning,
        (_, true, true, Some(from)) => State::SignsFrom(from),
        (_, true, true, None) => State::Published(key.times.retired_at),
    }
}

#[cfg(test)]
mod tests;
