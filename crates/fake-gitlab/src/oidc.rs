//! GitLab as an OpenID provider: what it publishes.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::impersonation::SCOPES;
use crate::world::Contents;

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/oauth/discovery/keys";

/// So long GitLab lets everybody keep its keys.
const KEPT: &str = "max-age=86400, public, must-revalidate, no-transform";

/// The discovery document.
pub(crate) fn discovery(world: &Contents) -> Answer {
    let at = |path: &str| format!("{}{path}", world.url);
    Answer::ok(json!({
        "issuer": world.url,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "revocation_endpoint": at("/oauth/revoke"),
        "introspection_endpoint": at("/oauth/introspect"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "jwks_uri": at(KEYS),
        "scopes_supported": scopes(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported":
            ["authorization_code", "password", "client_credentials", "device_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claim_types_supported": ["normal"],
        "claims_supported": claims(),
        "code_challenge_methods_supported": ["plain", "S256"],
    }))
}

fn scopes() -> Value {
    let own = ["openid", "profile", "email", "ai_workflows", "user:*"];
    SCOPES.into_iter().chain(own).collect()
}

/// Those of people who sign in; what an `id_token` of a job says is not listed by GitLab.
fn claims() -> Value {
    json!([
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "sub_legacy",
        "name",
        "nickname",
        "preferred_username",
        "email",
        "email_verified",
        "website",
        "profile",
        "picture",
        "groups",
        "groups_direct",
        "https://gitlab.org/claims/groups/owner",
        "https://gitlab.org/claims/groups/maintainer",
        "https://gitlab.org/claims/groups/developer",
    ])
}

/// The set of keys.
pub(crate) fn keys(world: &mut Contents) -> Answer {
    Answer::ok(world.signing.jwks()).with(vec![("Cache-Control", KEPT.to_owned())])
}
