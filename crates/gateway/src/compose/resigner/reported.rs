//! Tokens of the re-signer, and of its upstreams, in what is reported as leaked.

use async_trait::async_trait;
use portcullis_oidc_proxy::record::Origin;
use portcullis_oidc_proxy::{OidcProxy, Recognised};
use portcullis_revocation::own::{Signed, SignedTokens};
use portcullis_revocation::{Once, QueueError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Resigner;
use super::leaked::Leaked;
use super::origin::{SelfContained, digest_of};

const PROVIDER: &str = "oidc_proxy";

/// The most characters of a `sub` that people are shown.
const SHOWN: usize = 200;

/// Knows them, and sees to it that no more of them are made.
pub(crate) struct Reported {
    surface: OidcProxy,
    leaked: Leaked,
}

impl Reported {
    pub(crate) fn new(resigner: &Resigner) -> Self {
        Self { surface: resigner.surface.clone(), leaked: resigner.leaked.clone() }
    }

    fn ours(
        &self,
        subject: Option<&str>,
        token_id: Option<&str>,
        expires_at: Option<i64>,
    ) -> Signed {
        let made_of = token_id.and_then(SelfContained::read);
        let digest = made_of.and_then(|made_of| Some((made_of.digest?, made_of.expires_at)));
        let then = match (made_of, digest) {
            (_, Some(_)) => "the upstream token that it was made of brings no more",
            (Some(_), None) => {
                "its upstream token has no jti to be known by, and may bring more until it expires"
            }
            (None, _) => {
                "without oidc_proxy.token_id it does not say what it was made of, so its upstream token may \
                 bring more until it expires"
            }
        };
        let id = token_id.filter(|_| made_of.is_some()).map(|id| format!(" with the jti {id}"));
        let (id, whose) = (id.unwrap_or_default(), whose(subject));
        Signed {
            provider: PROVIDER,
            code: "resigned",
            reason: format!("a token of ours{id}{whose}, which {}; {then}", until(expires_at)),
            origin: digest.map(|(digest, expires_at)| self.leaked.once(digest, expires_at)),
        }
    }

    fn upstream(&self, origin: &Origin<'_>, subject: Option<&str>) -> Signed {
        let expires_at = origin.expires_at.unix_timestamp();
        let digest = digest_of(origin);
        let then = match digest {
            Some(_) => "it brings no more tokens of ours",
            None => "it has no jti to be known by, and may bring more tokens of ours until then",
        };
        let whose = whose(subject);
        Signed {
            provider: PROVIDER,
            code: "upstream",
            reason: format!(
                "a token of an upstream{whose}, which {}; {then}",
                until(Some(expires_at))
            ),
            origin: digest.map(|digest| self.leaked.once(digest, expires_at)),
        }
    }
}

#[async_trait]
impl SignedTokens for Reported {
    fn recognise(&self, secret: &str) -> Option<Signed> {
        Some(match self.surface.recognise(secret)? {
            Recognised::Ours { subject, token_id, expires_at } => {
                self.ours(subject.as_deref(), token_id.as_deref(), expires_at)
            }
            Recognised::Upstream(claims) => {
                let origin = Origin {
                    issuer: claims.issuer()?,
                    id: claims.id(),
                    expires_at: claims.expires_at()?,
                };
                self.upstream(&origin, claims.subject())
            }
        })
    }

    async fn refuse(&self, origins: &[Once]) -> Result<(), QueueError> {
        self.leaked.refuse(origins).await?;
        tracing::warn!(
            oidc_proxy.count = origins.len(),
            "upstream tokens are refused from now on: they, or what was made of them, leaked"
        );
        Ok(())
    }
}

/// Whoever writes a `sub` chooses its characters.
fn whose(subject: Option<&str>) -> String {
    let shown = |subject: &str| {
        let cut: String = subject.chars().take(SHOWN).collect();
        format!(" for {cut:?}")
    };
    subject.map(shown).unwrap_or_default()
}

fn until(expires_at: Option<i64>) -> String {
    let at = expires_at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    match at.and_then(|at| at.format(&Rfc3339).ok()) {
        Some(at) => format!("nobody can call back and which verifies until {at}"),
        None => "nobody can call back".to_owned(),
    }
}
