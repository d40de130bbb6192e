//! What may come of calling a gateway.

use std::error::Error as _;
use std::fmt::Write as _;

use reqwest::Method;
use serde_json::Value;
use thiserror::Error;

use super::place::{Listener, Place};
use super::tls;
use crate::commands::terminal::plain;
use crate::error::StartError;

/// Why a call of a gateway did not do what was asked. Never holds the token.
#[derive(Debug, Error)]
pub(in crate::commands) enum RemoteError {
    /// No connection was made, so nothing was done.
    #[error("nobody answers at {at} ({cause})")]
    Unreachable {
        /// Where.
        at: String,
        /// What the system said.
        cause: String,
    },
    /// A connection was made and no TLS on it, so nothing was done.
    #[error("{text}")]
    Tls {
        /// Where, and why.
        text: String,
    },
    /// A connection was made and no whole answer came.
    #[error("{at} gave no whole answer ({cause}){doubt}")]
    Lost {
        /// Where.
        at: String,
        /// What happened to it.
        cause: String,
        /// Of what changes something: that nobody knows whether it did.
        doubt: &'static str,
    },
    /// The token is none that it takes.
    #[error("{at} does not take {origin}")]
    Unauthorized {
        /// Where.
        at: String,
        /// Which token it was, and where it stands.
        origin: String,
    },
    /// A gateway, at another door.
    #[error("there is no {path} at {at}: is that the {} listener?", .listener.name())]
    WrongListener {
        /// Where.
        at: String,
        /// What is not there.
        path: String,
        /// Where it would be.
        listener: Listener,
    },
    /// The gateway refused.
    #[error("{text}")]
    Problem {
        /// Its stable code.
        code: String,
        /// Why, for people.
        text: String,
        /// Of `wrong_state`: the state.
        state: Option<String>,
    },
    /// Nothing is named so, or several are.
    #[error("{text}")]
    Naming {
        /// A stable code.
        code: &'static str,
        /// Why, for people.
        text: String,
    },
    /// The answer is none that a gateway gives.
    #[error("{at} is not a Portcullis gateway: it answered {status} and not in its words")]
    NotOurs {
        /// Where.
        at: String,
        /// The status.
        status: u16,
    },
}

impl RemoteError {
    /// What the client made of a call that failed.
    pub(super) fn of_transport(place: &Place, method: &Method, error: &reqwest::Error) -> Self {
        let at = place.shown();
        if let Some(text) = tls::refused(&at, error) {
            return Self::Tls { text };
        }
        let cause = if error.is_timeout() { "it took too long".to_owned() } else { ground(error) };
        if error.is_connect() {
            return match tls::failure(&at, error, place.private_ca) {
                Some(text) => Self::Tls { text },
                None => Self::Unreachable { at, cause },
            };
        }
        let cause = cause + if error.is_timeout() { "" } else { tls::perhaps_refused(place) };
        let doubt = match *method {
            Method::GET => "",
            _ => "; whether it did what it was asked is not known",
        };
        Self::Lost { at, cause, doubt }
    }

    /// A problem document of a gateway; `None` where it is none of ours.
    pub(super) fn of_problem(body: &Value) -> Option<Self> {
        let code = body["code"].as_str().filter(|code| is_code(code))?.to_owned();
        let text = plain(body["detail"].as_str().unwrap_or("no reason was given"));
        let state = body["state"].as_str().filter(|state| is_code(state)).map(str::to_owned);
        Some(Self::Problem { code, text, state })
    }

    /// The same with the time after which to try again, in seconds.
    pub(super) fn wait(mut self, seconds: Option<u64>) -> Self {
        if let (Self::Problem { text, .. }, Some(seconds)) = (&mut self, seconds) {
            let _ = write!(text, "; try again in {seconds} s");
        }
        self
    }

    /// The stable code.
    pub(in crate::commands) fn code(&self) -> &str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Tls { .. } => "tls",
            Self::Lost { .. } => "lost",
            Self::Unauthorized { .. } => "unauthorized",
            Self::WrongListener { .. } => "not_found",
            Self::Problem { code, .. } => code,
            Self::Naming { code, .. } => code,
            Self::NotOurs { .. } => "not-a-gateway",
        }
    }

    /// How far it reaches.
    pub(in crate::commands) fn reach(&self) -> Reach {
        match self {
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Unauthorized { .. }
            | Self::WrongListener { .. }
            | Self::NotOurs { .. } => Reach::Place,
            Self::Lost { .. } => Reach::Moment,
            // The database, which every call needs; it may be back for the next one.
            Self::Problem { code, .. } if code == "unavailable" => Reach::Moment,
            Self::Problem { .. } | Self::Naming { .. } => Reach::Thing,
        }
    }
}

/// What an error says of the call after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Reach {
    /// Nothing: it is about the one thing that was asked for.
    Thing,
    /// That it may end the same way: the next one shows whether it was chance.
    Moment,
    /// That it would end the same way, whatever it asks for.
    Place,
}

impl Reach {
    /// What is known after two calls in a row.
    pub(in crate::commands) fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Place, _) | (Self::Moment, Self::Moment) => Self::Place,
            (Self::Thing | Self::Moment, next) => next,
        }
    }
}

impl From<RemoteError> for StartError {
    fn from(error: RemoteError) -> Self {
        Self::new(error.code().to_owned(), error)
    }
}

fn is_code(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// The innermost cause: the outer ones repeat the address.
fn ground(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // A reqwest error without a cause would print the whole address.
    if error.source().is_none() {
        "the call failed".to_owned()
    } else {
        tls::reason(&cause.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_is_taken_only_with_a_code_that_is_one() {
        let taken = RemoteError::of_problem(&json!({ "code": "wrong_state", "state": "failed" }));
        assert!(matches!(taken, Some(RemoteError::Problem { state: Some(_), .. })));
        for code in [json!(null), json!(7), json!(""), json!("a b"), json!("\u{1b}[2J")] {
            assert!(RemoteError::of_problem(&json!({ "code": code })).is_none(), "{code}");
        }
        let evil = json!({ "code": "a", "detail": "\u{1b}[2J", "state": "\u{1b}[2J" });
        let error = RemoteError::of_problem(&evil).unwrap().wait(Some(5));
        assert_eq!(error.to_string(), r"\u{1b}[2J; try again in 5 s");
        assert!(matches!(error, RemoteError::Problem { state: None, .. }));
    }
}
