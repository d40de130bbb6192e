//! Whose a token is that was found somewhere.

use portcullis_jwt_verify::{VerifiedClaims, claimed_issuers};
use serde_json::{Map, Value};

use crate::resign::ReSigner;

/// A token that a signature proves to be ours or an upstream's.
#[derive(Debug, Clone)]
pub enum Recognised {
    /// Signed by a key of our file, be the key retired or the token expired.
    Ours {
        /// Its `sub`.
        subject: Option<String>,
        /// Its `jti`, where that was given by the [`Record`](crate::record::Record) and not cloned.
        token_id: Option<String>,
        /// Its `exp`, in seconds since 1970.
        expires_at: Option<i64>,
    },
    /// An upstream's, and good this moment.
    Upstream(VerifiedClaims),
}

impl ReSigner {
    /// What is known of this token. `issuer` is our name, where it is fixed. Keys that would have to be
    /// fetched are not known.
    pub fn recognise(&self, issuer: Option<&str>, token: &str) -> Option<Recognised> {
        // Most of what is found somewhere is no JWS, and is to cost next to nothing.
        if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return None;
        }
        let named = claimed_issuers(token);
        let ours = match issuer {
            Some(issuer) => named.iter().any(|name| name == issuer),
            None => !named.is_empty(),
        };
        let found = if ours { self.ours(issuer, token) } else { None };
        found.or_else(|| {
            let upstream = self.upstreams().iter().find(|one| named.contains(&one.issuer))?;
            upstream.verifier.verify_now(token).ok().map(Recognised::Upstream)
        })
    }

    fn ours(&self, issuer: Option<&str>, token: &str) -> Option<Recognised> {
        let payload = self.keyring().payload_of(token)?;
        let claims: Map<String, Value> = serde_json::from_slice(&payload).ok()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        // Another issuer may have the same keys.
        if issuer.is_some_and(|issuer| text("iss") != Some(issuer)) {
            return None;
        }
        let token_id = text("jti").filter(|_| !self.clones_id());
        Some(Recognised::Ours {
            subject: text("sub").map(str::to_owned),
            token_id: token_id.map(str::to_owned),
            expires_at: claims.get("exp").and_then(seconds),
        })
    }
}

/// Whole seconds of a time, which may have a fraction.
fn seconds(time: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whoever signed it had bounded it")]
    time.as_f64().map(|seconds| seconds as i64)
}

#[cfg(test)]
mod tests;
