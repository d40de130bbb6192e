//! What a caller must be allowed, by the path that is asked.

use std::borrow::Cow;
use std::collections::BTreeMap;

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;
use portcullis_web::Problem;
use url::form_urlencoded;

use super::caller::Caller;

/// Scopes by the name of their profile.
#[derive(Debug)]
pub(super) struct Places(pub(super) BTreeMap<String, Vec<String>>);

impl Places {
    /// `?scope=` counts on exactly `/auth`; behind a longer path the query is the caller's own, which
    /// Envoy appends, and so is the path behind `/auth/as/{profile}`.
    pub(super) fn check(&self, request: &HttpRequest, caller: &Caller) -> Result<(), Problem> {
        let path = request.path();
        if path == "/auth" {
            return holds_all(caller, &scopes_of_query(request.query_string()));
        }
        // Each part is decoded once, as the router did to find us.
        let mut parts = path.split('/').skip(1).map(decoded);
        match (parts.next().as_deref(), parts.next().as_deref(), parts.next()) {
            (_, Some("as"), profile) => {
                let scopes = profile.and_then(|name| self.0.get(&*name));
                let unknown = || Problem::forbidden("unknown_profile", "there is no such profile");
                holds_all(caller, scopes.ok_or_else(unknown)?)
            }
            (_, None, _) => holds_all(caller, &scopes_of_query(request.query_string())),
            (_, Some(_), _) => Ok(()),
        }
    }
}

/// What is no UTF-8 names nothing of ours.
fn decoded(part: &str) -> Cow<'_, str> {
    percent_decode_str(part).decode_utf8().unwrap_or(Cow::Borrowed("\0"))
}

fn scopes_of_query(query: &str) -> Vec<String> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "scope")
        .flat_map(|(_, value)| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn holds_all(caller: &Caller, wanted: &[String]) -> Result<(), Problem> {
    if wanted.iter().all(|scope| caller.holder.scopes.contains(scope)) {
        return Ok(());
    }
    Err(Problem::forbidden("insufficient_scope", "the credential does not have this scope"))
}
