//! What who may call a route says of its answers.

use serde_json::{Value, json};

use super::Docs;
use crate::Access;

impl Access {
    /// The ways to show a credential, each by the name of its scheme; none where there is nothing to show
    /// beside the body.
    pub(super) fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Public | Self::UpstreamToken | Self::Partner => &[],
            Self::RevocationClient => &["clientToken", "jobToken"],
            Self::Admin => &["adminToken"],
            Self::Metrics => &["adminToken", "metricsToken"],
            Self::Job => &["jobToken"],
            Self::ForwardAuth => &["pat", "patAsPassword", "oidcToken", "gerritToken"],
        }
    }

    /// The answers to those who cannot show it, or fail too often.
    pub(super) fn refusals(self, docs: Docs) -> Docs {
        match self {
            Self::Public | Self::UpstreamToken => docs,
            Self::RevocationClient => challenged(docs, &["unauthorized"])
                .problem(403, &["no_rule"])
                .problem(429, &["rate_limited", "too_many_failures"])
                .asks_database(),
            Self::Admin | Self::Metrics => {
                challenged(docs, &["unauthorized"]).problem(429, &["too_many_failures"])
            }
            Self::Job => challenged(docs, &["no_token", "invalid_token"]),
            Self::Partner => docs
                .problem(
                    400,
                    &["missing_header", "invalid_signature", "unknown_key", "key_not_current"],
                )
                .problem(429, &["rate_limited", "too_many_failures"])
                .asks_database(),
            Self::ForwardAuth => challenged(docs, &["unauthorized"]).problem(503, &["unavailable"]),
        }
    }
}

fn challenged(docs: Docs, codes: &[&'static str]) -> Docs {
    let text = json!({ "type": "string" });
    docs.problem(401, codes).sends(401, "WWW-Authenticate", text, "How to show a credential.")
}

/// The schemes of all.
pub(super) fn all_schemes() -> Value {
    let bearer = |about: &str| json!({ "type": "http", "scheme": "bearer", "description": about });
    let header = |name: &str, about: &str| json!({ "type": "apiKey", "in": "header", "name": name, "description": about });
    json!({
        "adminToken": bearer("An admin token, one of `secrets.admin_tokens`."),
        "metricsToken": bearer("The token of a scraper, `metrics.token`."),
        "clientToken": header(
            "Authorization",
            "The token of a client of the Token Revocation API, alone as GitLab sends it, or after `Bearer `.",
        ),
        "jobToken": bearer("The `id_token` that GitLab gave a CI job."),
        "pat": bearer("A personal access token of this gateway."),
        "patAsPassword": json!({
            "type": "http", "scheme": "basic",
            "description": "The same as a password, for git and docker; any user name.",
        }),
        "oidcToken": bearer("A JWT of an issuer of `[[auth.oidc]]`."),
        "gerritToken": header("X-Gerrit-Auth", "Gerrit's JWT, in the header that `gerrit.header` names."),
    })
}
