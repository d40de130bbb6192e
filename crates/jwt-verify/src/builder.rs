//! Building a verifier. What an issuer is and whom a token is for cannot be forgotten: without a choice
//! for each there is no `build`.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use portcullis_base::{Clock, SystemClock};

use crate::cache::TokenCache;
use crate::policy::Policy;
use crate::sources::KeySource;
use crate::stats::Counts;
use crate::{Algorithm, Verifier};

/// Clocks differ: GitLab, Google and a gateway on one network stay inside this.
const LEEWAY: Duration = Duration::from_secs(30);

/// A choice that is still to be made.
#[derive(Debug)]
pub enum Unset {}

/// A choice that was made.
#[derive(Debug)]
pub enum Chosen {}

/// A verifier in the making: see [`Verifier::builder`].
#[derive(Debug)]
pub struct Builder<Issuer, Audience> {
    keys: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    algorithms: Vec<Algorithm>,
    key_id_required: bool,
    cache: Option<u64>,
    choices: PhantomData<(Issuer, Audience)>,
}

impl Builder<Unset, Unset> {
    pub(crate) fn new(keys: Arc<dyn KeySource>) -> Self {
        Self {
            keys,
            clock: Arc::new(SystemClock),
            policy: Policy {
                issuers: None,
                audiences: None,
                leeway: LEEWAY,
                expiry_required: true,
                subject_required: true,
            },
            algorithms: Algorithm::ALL.to_vec(),
            key_id_required: false,
            cache: None,
            choices: PhantomData,
        }
    }
}

impl<Audience> Builder<Unset, Audience> {
    /// `iss` has to be this, to the letter. An empty text is nobody: no token is taken.
    #[must_use]
    pub fn issuer(self, issuer: impl Into<String>) -> Builder<Chosen, Audience> {
        self.issuers([issuer.into()])
    }

    /// `iss` has to be one of these names of the one whose keys these are; with none of them, or empty
    /// texts alone, no token is taken.
    #[must_use]
    pub fn issuers(
        mut self,
        issuers: impl IntoIterator<Item = String>,
    ) -> Builder<Chosen, Audience> {
        self.policy.issuers = Some(issuers.into_iter().collect());
        self.choose()
    }

    /// `iss` may be anything, or missing: the keys alone say whose tokens these are.
    #[must_use]
    pub fn any_issuer(self) -> Builder<Chosen, Audience> {
        self.choose()
    }
}

impl<Issuer> Builder<Issuer, Unset> {
    /// `aud` has to be this, or a list with it.
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Builder<Issuer, Chosen> {
        self.audiences([audience.into()])
    }

    /// `aud` has to be, or have, one of these; with none of them, or empty texts
    /// alone, no token is taken.
    #[must_use]
    pub fn audiences(
        mut self,
        audiences: impl IntoIterator<Item = String>,
    ) -> Builder<Issuer, Chosen> {
        self.policy.audiences = Some(audiences.into_iter().collect());
        self.choose()
    }

    /// `aud` may be anything, or missing: tokens that were made for somebody else are taken too.
    #[must_use]
    pub fn any_audience(self) -> Builder<Issuer, Chosen> {
        self.choose()
    }
}

impl<Issuer, Audience> Builder<Issuer, Audience> {
    /// Only these algorithms; all of [`Algorithm::ALL`] where nothing is said.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How far clocks may differ; 30 s where nothing is said.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// A token without `exp` is taken, and lives for ever.
    #[must_use]
    pub fn without_expiry(mut self) -> Self {
        self.policy.expiry_required = false;
        self
    }

    /// A token without `sub` is taken.
    #[must_use]
    pub fn without_subject(mut self) -> Self {
        self.policy.subject_required = false;
        self
    }

    /// A token without `kid` is refused.
    #[must_use]
    pub fn require_key_id(mut self) -> Self {
        self.key_id_required = true;
        self
    }

    /// Remembers as many proved tokens of usual length (a KiB of claims; 8 KiB are reckoned for each, and
    /// more for longer ones), so that their signatures need not be checked again; none where
    /// nothing is said. Times, issuer and audience are checked at every sight, and a token is forgotten
    /// with its key.
    #[must_use]
    pub fn remember(mut self, tokens: u64) -> Self {
        self.cache = (tokens > 0).then_some(tokens);
        self
    }

    /// The clock that times are held against; the machine's where nothing is said.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn choose<I, A>(self) -> Builder<I, A> {
        Builder {
            keys: self.keys,
            clock: self.clock,
            policy: self.policy,
            algorithms: self.algorithms,
            key_id_required: self.key_id_required,
            cache: self.cache,
            choices: PhantomData,
        }
    }
}

impl Builder<Chosen, Chosen> {
    /// The verifier.
    pub fn build(self) -> Verifier {
        Verifier {
            keys: self.keys,
            clock: self.clock,
            policy: self.policy,
            algorithms: self.algorithms,
            key_id_required: self.key_id_required,
            cache: self.cache.map(TokenCache::new),
            counts: Counts::default(),
        }
    }
}
