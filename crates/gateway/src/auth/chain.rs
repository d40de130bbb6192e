//! The methods, asked in their order.

use actix_web::HttpResponse;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use futures_util::future::join_all;
use portcullis_jwt_verify::sources::Health;
use portcullis_jwt_verify::{Gerrit, Outcome, Stats};
use portcullis_web::authorization;

use super::answer::Refusal;
use super::caller::Caller;
use super::counts::{Counts, Decider};
use super::oidc::{self, Issuer, Request};
use super::place::Places;
use super::{gerrit, pat};
use crate::config::{Config, Method};
use crate::error::StartError;
use crate::pats::Pats;

/// One method that is configured.
enum Link {
    /// The method, and its header for those who are asked for it.
    Gerrit(Gerrit, String),
    Pat(Pats),
    Oidc(Vec<Issuer>),
}

/// What comes of asking them.
pub(super) enum Verdict {
    Known(Caller),
    /// Nobody was asked for, or somebody said no.
    Unknown,
    /// It cannot be judged right now, which says nothing about the credential.
    Unavailable,
}

/// Why a method that was asked for does not know the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Refused,
    Unavailable,
}

/// The chain of methods, and what else `/auth` needs.
pub(crate) struct Chain {
    links: Vec<Link>,
    places: Places,
    refusal: Refusal,
    counts: Counts,
}

impl Chain {
    /// What the configuration asks for. A method that is listed and not configured is left out: it
    /// could never be requested.
    pub(crate) fn new(config: &Config, pats: &Pats) -> Result<Self, StartError> {
        let mut links = Vec::new();
        for method in &config.auth.methods {
            match (method, &config.gerrit) {
                (Method::Gerrit, Some(entry)) => {
                    let method = gerrit::method(config, entry)?;
                    links.push(Link::Gerrit(method, entry.header.clone()));
                }
                (Method::Gerrit, None) => {}
                (Method::Pat, _) => links.push(Link::Pat(pats.clone())),
                (Method::Oidc, _) if config.auth.oidc.is_empty() => {}
                (Method::Oidc, _) => links.push(Link::Oidc(oidc::issuers(config)?)),
            }
        }
        let challenges = challenges(&links);
        let refusal = Refusal::new(&challenges.iter().map(String::as_str).collect::<Vec<_>>());
        let (places, counts) = (Places(config.auth.profiles.clone()), Counts::default());
        Ok(Self { links, places, refusal, counts })
    }

    /// Asks one method after the other. Only what does not ask for a method goes on to the next one.
    pub(super) async fn judge(&self, headers: &HeaderMap) -> Verdict {
        let (by, verdict) = self.ask(headers).await;
        self.counts.judged(by, &verdict);
        verdict
    }

    /// The verdict and who gave it.
    async fn ask(&self, headers: &HeaderMap) -> (Decider, Verdict) {
        // Whom should we believe?
        if headers.get_all(AUTHORIZATION).nth(1).is_some() {
            return (Decider::Nobody, Verdict::Unknown);
        }
        let given = authorization(headers);
        for link in &self.links {
            let outcome = match link {
                Link::Gerrit(method, _) => Box::pin(gerrit::authenticate(method, headers)).await,
                Link::Pat(pats) => pat::authenticate(pats, &given).await,
                Link::Oidc(issuers) => match oidc::request(issuers, &given) {
                    Request::None => Outcome::NotRequested,
                    Request::Unreadable => Outcome::Failed(Failure::Refused),
                    // Boxed, or every PAT would carry the room that it takes.
                    Request::Token(issuer, token) => {
                        Box::pin(oidc::authenticate(issuer, token)).await
                    }
                },
            };
            let verdict = match outcome {
                Outcome::NotRequested => continue,
                Outcome::Authenticated(caller) => Verdict::Known(caller),
                Outcome::Failed(Failure::Refused) => Verdict::Unknown,
                Outcome::Failed(Failure::Unavailable) => Verdict::Unavailable,
            };
            return (link.decider(), verdict);
        }
        (Decider::Nobody, Verdict::Unknown)
    }

    /// How often who decided what.
    pub(crate) fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let deciders = self.links.iter().map(Link::decider).chain([Decider::Nobody]);
        deciders.flat_map(|by| self.counts.of(by)).collect()
    }

    /// What came of the JWTs of each issuer, by its name.
    pub(crate) fn tokens(&self) -> Vec<(&str, Stats)> {
        self.links.iter().flat_map(Link::tokens).collect()
    }

    /// What is asked of a caller.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// The 401.
    pub(super) fn refusal(&self) -> HttpResponse {
        self.refusal.response()
    }

    /// How the keys of all issuers are doing, each by its issuer.
    pub(crate) fn keys(&self) -> Vec<(&str, Health)> {
        self.links.iter().flat_map(Link::keys).collect()
    }

    /// Fetches the keys that are not there, and has those fetched that are due, so that no caller need
    /// wait. What cannot be had is logged where it is fetched.
    pub(crate) async fn warm_up(&self) {
        join_all(self.links.iter().map(Link::warm_up)).await;
    }
}

impl Link {
    async fn warm_up(&self) {
        match self {
            Self::Gerrit(method, _) => drop(method.warm_up().await),
            Self::Pat(_) => {}
            Self::Oidc(issuers) => {
                drop(join_all(issuers.iter().map(|one| one.verifier.warm_up())).await);
            }
        }
    }

    fn decider(&self) -> Decider {
        match self {
            Self::Gerrit(..) => Decider::Gerrit,
            Self::Pat(_) => Decider::Pat,
            Self::Oidc(_) => Decider::Oidc,
        }
    }

    fn tokens(&self) -> Vec<(&str, Stats)> {
        match self {
            Self::Gerrit(method, _) => method.stats(),
            Self::Pat(_) => Vec::new(),
            Self::Oidc(issuers) => {
                issuers.iter().map(|one| (one.name.as_str(), one.verifier.stats())).collect()
            }
        }
    }

    fn keys(&self) -> Vec<(&str, Health)> {
        match self {
            Self::Gerrit(method, _) => method.health(),
            Self::Pat(_) => Vec::new(),
            Self::Oidc(issuers) => {
                issuers.iter().map(|one| (one.name.as_str(), one.verifier.health())).collect()
            }
        }
    }
}

/// What a caller that nobody knows is asked for. `Basic` is how git and docker bring a token; it comes
/// first because nginx passes on no more than the first.
fn challenges(links: &[Link]) -> Vec<String> {
    let mut all = vec!["Bearer realm=\"portcullis\"".to_owned()];
    for link in links {
        match link {
            Link::Pat(_) => all.insert(0, "Basic realm=\"portcullis\"".to_owned()),
            Link::Gerrit(_, header) => {
                all.push(format!("Gerrit realm=\"portcullis\", header=\"{header}\""));
            }
            // The bearer that any chain is asked for.
            Link::Oidc(_) => {}
        }
    }
    all
}
