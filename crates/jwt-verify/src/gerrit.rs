//! The Gerrit JWT method of LUCI: a Gerrit host signs who is looking at which change, and its frontend
//! plugins send that along.

mod asserted;
mod error;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use portcullis_base::{Clock, SystemClock};

use crate::sources::{Health, KeySource};
use crate::{
    Algorithm, AuthMethod, Headers, Outcome, Stats, Unverified, VerifiedClaims, Verifier,
    claimed_issuers,
};
pub use asserted::{AssertedChange, AssertedUser};
pub use error::{GerritConfigError, GerritError, GerritWarmUpError};

/// The header that Gerrit's plugins use.
pub const GERRIT_HEADER: &str = "X-Gerrit-Auth";

/// LUCI's.
const LEEWAY: Duration = Duration::from_secs(30);

/// What is configured.
#[derive(Debug)]
pub struct GerritOptions {
    /// The header that carries the JWT; [`GERRIT_HEADER`] where nothing is said.
    pub header: String,
    /// Each account that may sign, which is its tokens' `iss`, with its keys. With none, the method is
    /// off: no request asks for it.
    pub signers: Vec<(String, Arc<dyn KeySource>)>,
    /// One of them has to be in `aud`.
    pub audiences: Vec<String>,
    /// Further limits.
    pub limits: GerritLimits,
    /// How many proved tokens are remembered for each signer.
    pub remember: u64,
    /// The clock that times are held against.
    pub clock: Arc<dyn Clock>,
}

impl Default for GerritOptions {
    fn default() -> Self {
        Self {
            header: GERRIT_HEADER.to_owned(),
            signers: Vec::new(),
            audiences: Vec::new(),
            limits: GerritLimits::default(),
            remember: 0,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Of which changes tokens are taken. An empty list limits nothing; names are compared as they stand. A
/// token that does not say what is limited is outside.
#[derive(Debug, Clone, Default)]
pub struct GerritLimits {
    /// Gerrit hosts, as the tokens write them: `chromium`.
    pub hosts: Vec<String>,
    /// Repositories of a host.
    pub repositories: Vec<String>,
    /// Numbers of changes. Each host counts its own: limit the hosts as well.
    pub changes: Vec<i64>,
}

/// Who looks at which change. Only [`Gerrit`] makes one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GerritCaller {
    /// `user:<email>`.
    pub identity: String,
    /// The preferred email, or else the first one.
    pub email: String,
    /// The user, as Gerrit says it.
    pub user: AssertedUser,
    /// The change, as Gerrit says it; empty where it says nothing.
    pub change: AssertedChange,
    /// All claims.
    pub claims: VerifiedClaims,
    /// The token itself, for passing it on. Whoever holds it is this caller until it expires.
    pub jwt: secrecy::SecretString,
}

/// The method.
#[derive(Debug)]
pub struct Gerrit {
    header: String,
    signers: Vec<(String, Verifier)>,
    limits: GerritLimits,
}

impl Gerrit {
    /// The method as configured. Signers without an audience are refused: a token that any service may
    /// take proves nothing to this one.
    pub fn new(options: GerritOptions) -> Result<Self, GerritConfigError> {
        let GerritOptions { header, signers, audiences, limits, remember, clock } = options;
        if http::HeaderName::from_bytes(header.as_bytes()).is_err() {
            return Err(GerritConfigError::Header);
        }
        check_signers(&signers)?;
        let named = !audiences.is_empty() && audiences.iter().all(|audience| !audience.is_empty());
        if !signers.is_empty() && !named {
            return Err(GerritConfigError::Audience);
        }
        limits.check_config()?;
        let verifier = |(account, keys): (String, Arc<dyn KeySource>)| {
            let verifier = Verifier::builder(keys)
                .issuer(&account)
                .audiences(audiences.iter().cloned())
                .algorithms([Algorithm::Rs256])
                .require_key_id()
                .without_subject()
                .leeway(LEEWAY)
                .remember(remember)
                .clock(Arc::clone(&clock))
                .build();
            (account, verifier)
        };
        let signers = signers.into_iter().map(verifier).collect();
        Ok(Self { header: header.to_ascii_lowercase(), signers, limits })
    }

    /// Fetches the certificates of every signer of which none are known yet, and tells of each that
    /// could not be had: at start-up, so that the first caller need not wait.
    pub async fn warm_up(&self) -> Result<(), GerritWarmUpError> {
        let answers = join_all(self.signers.iter().map(|(account, verifier)| async move {
            verifier.warm_up().await.map_err(|error| (account.clone(), error)).err()
        }));
        let failures: Vec<_> = answers.await.into_iter().flatten().collect();
        if failures.is_empty() { Ok(()) } else { Err(GerritWarmUpError(failures)) }
    }

    /// How each signer's keys are doing.
    pub fn health(&self) -> Vec<(&str, Health)> {
        self.signers
            .iter()
            .map(|(account, verifier)| (account.as_str(), verifier.health()))
            .collect()
    }

    /// What came of each signer's tokens so far.
    pub fn stats(&self) -> Vec<(&str, Stats)> {
        self.signers
            .iter()
            .map(|(account, verifier)| (account.as_str(), verifier.stats()))
            .collect()
    }

    /// The caller that a JWT asserts.
    pub async fn verify(&self, jwt: &str) -> Result<GerritCaller, GerritError> {
        let verifier = self.verifier_of(jwt)?;
        let claims = verifier.verify(jwt).await?;
        let user: AssertedUser = asserted::read(claims.get("asserted_user"))?;
        let change: AssertedChange = asserted::read(claims.get("asserted_change"))?;
        let email = user.email()?.to_owned();
        self.limits.check(&change)?;
        let identity = format!("user:{email}");
        Ok(GerritCaller { identity, email, user, change, claims, jwt: jwt.into() })
    }

    fn verifier_of(&self, jwt: &str) -> Result<&Verifier, GerritError> {
        let claimed = claimed_issuers(jwt);
        if let Some((_, verifier)) = self.signers.iter().find(|(name, _)| claimed.contains(name)) {
            return Ok(verifier);
        }
        // What is no token at all is told as such.
        Unverified::parse(jwt)?;
        Err(GerritError::Issuer)
    }
}

#[async_trait]
impl AuthMethod for Gerrit {
    type Caller = GerritCaller;
    type Error = GerritError;

    async fn authenticate(&self, headers: &dyn Headers) -> Outcome<GerritCaller, GerritError> {
        if self.signers.is_empty() {
            return Outcome::NotRequested;
        }
        let jwt = match headers.values(&self.header).as_slice() {
            // As LUCI has it: some proxies send the header along empty where the client sent none.
            [] | [[]] => return Outcome::NotRequested,
            [value] => std::str::from_utf8(value).map_err(|_| GerritError::Header),
            // Whoever put the second one there decides which of them counts.
            _ => Err(GerritError::Header),
        };
        let caller = match jwt {
            Ok(jwt) => self.verify(jwt).await,
            Err(error) => Err(error),
        };
        caller.map_or_else(Outcome::Failed, Outcome::Authenticated)
    }
}

/// Two sources for one account would leave one of them unused.
fn check_signers(signers: &[(String, Arc<dyn KeySource>)]) -> Result<(), GerritConfigError> {
    let mut names: Vec<&str> = signers.iter().map(|(account, _)| account.as_str()).collect();
    names.sort_unstable();
    let unclear = names.first() == Some(&"") || names.windows(2).any(|pair| pair[0] == pair[1]);
    if unclear { Err(GerritConfigError::Signer) } else { Ok(()) }
}

impl GerritLimits {
    /// An empty name, or change 0, would fit every token that says nothing.
    fn check_config(&self) -> Result<(), GerritConfigError> {
        let mut names = self.hosts.iter().chain(&self.repositories);
        let fits_silence = names.any(String::is_empty) || self.changes.iter().any(|one| *one < 1);
        if fits_silence { Err(GerritConfigError::Limit) } else { Ok(()) }
    }

    fn check(&self, change: &AssertedChange) -> Result<(), GerritError> {
        let allows = |all: &[String], one: &String| all.is_empty() || all.contains(one);
        if !allows(&self.hosts, &change.host) {
            return Err(GerritError::Limit("host"));
        }
        if !allows(&self.repositories, &change.repository) {
            return Err(GerritError::Limit("repository"));
        }
        if !self.changes.is_empty() && !self.changes.contains(&change.change_number) {
            return Err(GerritError::Limit("change"));
        }
        Ok(())
    }
}
