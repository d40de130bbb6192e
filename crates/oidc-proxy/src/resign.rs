//! From a token of an upstream issuer to one of ours.

mod counts;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use portcullis_jwt_verify::rules::Rules;
use portcullis_jwt_verify::sources::Health;
use portcullis_jwt_verify::{
    Algorithm, Clock, Error as JwtError, Stats as TokenStats, VerifiedClaims, Verifier,
    claimed_issuers,
};
use portcullis_web::{Account, By};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use self::counts::Counts;
pub use self::counts::Stats;
pub use self::refusal::Refusal;
use crate::keyring::Keyring;
use crate::record::{Decision, Issued, Origin, Record};
use crate::subject::Template;

/// Registered claims that are never cloned: they are composed here.
pub const COMPOSED: [&str; 5] = ["iss", "aud", "exp", "iat", "nbf"];

/// One issuer whose tokens are re-signed.
#[derive(Debug)]
pub struct Upstream {
    /// What `iss` has to be, to the letter.
    pub issuer: String,
    /// Proves its tokens. Whom they are for is not its business, but the [`Policy`]'s.
    pub verifier: Verifier,
}

/// What is re-signed, and how.
#[derive(Debug)]
pub struct Policy {
    /// Claims that are taken over where they are there and not null; none of [`COMPOSED`].
    pub clone_claims: Vec<String>,
    /// Whom tokens may be for; anybody where nothing is said.
    pub audiences: Option<Vec<String>>,
    /// Which tokens are re-signed. Without rules all are.
    pub rules: Rules<()>,
    /// How `sub` is composed; otherwise it is what is cloned.
    pub subject: Option<Template>,
    /// The longest life of a token of ours; that of the upstream's where nothing is said.
    pub max_lifetime: Option<Duration>,
    /// Whether a token of ours has a `jti` of its own.
    pub token_id: bool,
    /// Whether an upstream token is re-signed once only; one without a `jti` is not at all then.
    pub once: bool,
}

impl Policy {
    /// The claims that a token of ours may have, sorted.
    pub fn claims(&self) -> Vec<&str> {
        let mut names: Vec<&str> = COMPOSED.to_vec();
        names.extend(self.clone_claims.iter().map(String::as_str));
        names.extend(self.subject.as_ref().map(|_| "sub"));
        names.extend(self.token_id.then_some("jti"));
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// What a caller asks for.
#[derive(Debug)]
pub struct Request {
    /// The upstream's token.
    pub token: SecretString,
    /// By which algorithm to sign.
    pub algorithm: Option<String>,
    /// For whom alone the new token is to be: one of the upstream token's audiences.
    pub audience: Option<String>,
}

/// A token of ours.
#[derive(Debug)]
pub struct Resigned {
    /// The token.
    pub token: SecretString,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

/// Re-signs tokens.
pub struct ReSigner {
    upstreams: Vec<Upstream>,
    policy: Policy,
    keyring: Arc<ArcSwap<Keyring>>,
    record: Arc<dyn Record>,
    clock: Arc<dyn Clock>,
    counts: Counts,
}

impl ReSigner {
    /// A re-signer of these parts. `keyring` may be replaced at any time.
    pub fn new(
        upstreams: Vec<Upstream>,
        policy: Policy,
        keyring: Arc<ArcSwap<Keyring>>,
        record: Arc<dyn Record>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { upstreams, policy, keyring, record, clock, counts: Counts::default() }
    }

    /// The keys as they are now.
    pub fn keyring(&self) -> Arc<Keyring> {
        self.keyring.load_full()
    }

    /// The `kid` that signs by each algorithm at this moment.
    pub fn signs_now(&self) -> Vec<(Algorithm, String)> {
        let keyring = self.keyring.load();
        let now = keyring.signs_now(self.clock.now().unix_timestamp()).into_iter();
        now.map(|(algorithm, kid)| (algorithm, kid.to_owned())).collect()
    }

    /// The claims that a token of ours may have, sorted.
    pub fn claims(&self) -> Vec<&str> {
        self.policy.claims()
    }

    /// Fetches the upstreams' keys where they are not there or due.
    pub async fn warm_up(&self) {
        let all = self.upstreams.iter().map(|upstream| upstream.verifier.warm_up());
        // What cannot be had is logged where it is fetched.
        drop(futures_util::future::join_all(all).await);
    }

    /// How the keys of each upstream are doing.
    pub fn health(&self) -> Vec<(&str, Health)> {
        self.upstreams.iter().map(|one| (one.issuer.as_str(), one.verifier.health())).collect()
    }

    /// What came of each upstream's tokens so far.
    pub fn tokens(&self) -> Vec<(&str, TokenStats)> {
        self.upstreams.iter().map(|one| (one.issuer.as_str(), one.verifier.stats())).collect()
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        self.counts.stats()
    }

    /// A token of ours, whose issuer is called `issuer`, for a token of an upstream.
    /// Who asks, and for what, goes into `account`.
    pub async fn resign(
        &self,
        issuer: &str,
        request: &Request,
        account: &Account,
    ) -> Result<Resigned, Refusal> {
        let resigned = self.judge(issuer, request, account).await;
        self.counts.count(resigned.as_ref().err());
        resigned
    }

    async fn judge(
        &self,
        issuer: &str,
        request: &Request,
        account: &Account,
    ) -> Result<Resigned, Refusal> {
        let claims = self.prove(&request.token).await?;
        account.by(By::UpstreamToken, claims.subject().unwrap_or_default());
        account.touched("upstream", claims.issuer().unwrap_or_default());
        let audience = self.audience(&claims, request.audience.as_deref())?;
        if !self.policy.rules.is_empty() && self.policy.rules.decide(&claims).is_none() {
            return Err(Refusal::NoRule);
        }
        let keyring = self.keyring.load();
        let upstream = claims.header().algorithm();
        let now = self.clock.now().unix_timestamp();
        let chosen = keyring.choose(request.algorithm.as_deref(), upstream, now);
        let key = chosen.ok_or(Refusal::Algorithm)?;
        let payload = self.compose(issuer, now, &claims, audience)?;
        let expires_at = self.record(&claims, &payload).await?;
        account.touched("expires_at", expires_at.unix_timestamp());
        let token = key.signer.sign(&key.header, &Value::Object(payload).to_string())?;
        Ok(Resigned { token: token.into(), expires_at })
    }

    /// The upstreams.
    pub(crate) fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }

    /// Whether `jti` of ours is the upstream's.
    pub(crate) fn clones_id(&self) -> bool {
        self.policy.clone_claims.iter().any(|name| name == "jti")
    }

    /// How many seconds it is until then, by this re-signer's clock.
    pub fn seconds_until(&self, at: OffsetDateTime) -> u64 {
        u64::try_from((at - self.clock.now()).whole_seconds()).unwrap_or(0)
    }

    async fn prove(&self, token: &SecretString) -> Result<VerifiedClaims, Refusal> {
        let token = token.expose_secret();
        let upstream = self.upstream_of(token).ok_or(Refusal::NoRule)?;
        let claims = upstream.verifier.verify(token).await.map_err(|error| match error {
            JwtError::KeysUnavailable(error) => Refusal::Keys(error),
            error => Refusal::Token(error),
        })?;
        for (name, there) in [
            ("iat", claims.issued_at().is_some()),
            ("nbf", claims.not_before().is_some()),
            ("exp", claims.expires_at().is_some()),
            ("aud", claims.get("aud").is_some()),
            // By its name it is known again.
            ("jti", claims.id().is_some() || !self.policy.once),
        ] {
            if !there {
                return Err(Refusal::ClaimMissing(name));
            }
        }
        Ok(claims)
    }

    /// Whose verifier is asked. Of nobody's token too it is said what is wrong with it, as of the first
    /// upstream's: where there is one only, nobody need look.
    fn upstream_of(&self, token: &str) -> Option<&Upstream> {
        let (first, more) = self.upstreams.split_first()?;
        if more.is_empty() {
            return Some(first);
        }
        let named = claimed_issuers(token);
        self.upstreams.iter().find(|one| named.contains(&one.issuer)).or(Some(first))
    }

    /// Whom the new token is for: all for whom the upstream's is, or the one of them that is asked for.
    fn audience(&self, claims: &VerifiedClaims, asked: Option<&str>) -> Result<Value, Refusal> {
        let meant = claims.audiences();
        let allowed = |audience: &String| {
            self.policy.audiences.as_ref().is_none_or(|allowed| allowed.contains(audience))
        };
        match asked {
            Some(asked) => {
                let found = meant.iter().find(|audience| *audience == asked);
                found
                    .filter(|audience| allowed(audience))
                    .map(|a| json!(a))
                    .ok_or(Refusal::Audience)
            }
            None if !meant.is_empty() && meant.iter().all(allowed) => {
                Ok(claims.get("aud").cloned().unwrap_or_default())
            }
            None => Err(Refusal::Audience),
        }
    }

    fn compose(
        &self,
        issuer: &str,
        now: i64,
        claims: &VerifiedClaims,
        audience: Value,
    ) -> Result<Map<String, Value>, Refusal> {
        // Leeway is for the upstream's clock: a token of ours that is dead helps nobody, and uses one up that
        // is good once.
        if claims.expires_at().is_none_or(|at| at.unix_timestamp() <= now) {
            return Err(Refusal::Token(JwtError::Expired));
        }
        let mut payload = Map::new();
        payload.insert("iss".to_owned(), issuer.into());
        payload.insert("aud".to_owned(), audience);
        payload.insert("iat".to_owned(), now.into());
        payload.insert("nbf".to_owned(), now.into());
        payload.insert("exp".to_owned(), self.expiry(now, claims));
        for name in &self.policy.clone_claims {
            if let Some(value) = claims.get(name).filter(|value| !value.is_null()) {
                payload.insert(name.clone(), value.clone());
            }
        }
        if let Some(template) = &self.policy.subject {
            payload.insert("sub".to_owned(), template.compose(claims)?.into());
        }
        if self.policy.token_id {
            payload.insert("jti".to_owned(), self.record.fresh_id(&origin(claims)).into());
        }
        Ok(payload)
    }

    /// The upstream token's own, as it wrote it, unless that is further off than is allowed.
    fn expiry(&self, now: i64, claims: &VerifiedClaims) -> Value {
        let theirs = claims.get("exp").cloned().unwrap_or_default();
        let Some(longest) = self.policy.max_lifetime else { return theirs };
        let latest = now.saturating_add(i64::try_from(longest.as_secs()).unwrap_or(i64::MAX));
        let further = claims.expires_at().is_none_or(|at| at.unix_timestamp() > latest);
        if further { latest.into() } else { theirs }
    }

    /// Writes down what is about to be issued, where anything is to be remembered, and gives its expiry.
    async fn record(
        &self,
        claims: &VerifiedClaims,
        payload: &Map<String, Value>,
    ) -> Result<OffsetDateTime, Refusal> {
        let seconds = payload.get("exp").and_then(Value::as_f64).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "the verifier bounds exp")]
        let expires_at = OffsetDateTime::from_unix_timestamp(seconds as i64)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let text = |name: &str| payload.get(name).and_then(Value::as_str);
        let issued = Issued {
            origin: origin(claims),
            subject: text("sub"),
            token_id: text("jti"),
            expires_at,
            once: self.policy.once,
        };
        match self.record.issue(&issued).await? {
            Decision::Issue => Ok(expires_at),
            Decision::Used => Err(Refusal::Used),
            Decision::Leaked => Err(Refusal::Leaked),
        }
    }
}

/// The verifier asks for an issuer, and [`ReSigner::prove`] for an expiry.
fn origin(claims: &VerifiedClaims) -> Origin<'_> {
    Origin {
        issuer: claims.issuer().unwrap_or_default(),
        id: claims.id(),
        expires_at: claims.expires_at().unwrap_or(OffsetDateTime::UNIX_EPOCH),
    }
}
