//! What an administrator learns about a token.

use serde_json::Value;

use crate::TokenInfo;

/// A token of any kind as GitLab describes it to an administrator. Each kind has a description of
/// its own (`lib/authn/tokens`): of a feed or incoming mail token it is its user, of a runner token
/// the runner. So all but the number is taken where it is there and of the expected type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// What could be told. The description of a trigger token holds the token: it is not taken.
    pub info: TokenInfo,
    /// GitLab says that it is revoked or expired. Of the kinds that are reset or deleted instead, a
    /// dead one is not known at all.
    pub dead: bool,
}

impl Identified {
    /// `None` for what is no description of anything.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let told: Value = serde_json::from_slice(body).ok()?;
        let text = |key: &str| Some(told.get(key)?.as_str()?.to_owned());
        let flag = |key: &str| told.get(key).and_then(Value::as_bool);
        let scopes = told.get("scopes").and_then(Value::as_array).into_iter().flatten();
        let info = TokenInfo {
            id: told.get("id")?.as_u64()?,
            name: text("name"),
            user_id: told.get("user_id").and_then(Value::as_u64),
            scopes: scopes.filter_map(|scope| scope.as_str().map(str::to_owned)).collect(),
            active: flag("active"),
            revoked: flag("revoked"),
            created_at: text("created_at"),
            expires_at: text("expires_at"),
            last_used_at: text("last_used_at").or_else(|| text("last_used")),
        };
        // A runner has `active` too, which says that it is not paused; it has no `revoked`.
        let over = info.revoked.is_some() && info.active == Some(false);
        let expired = flag("expired") == Some(true);
        let status = told.get("status").and_then(Value::as_str);
        let dead = info.revoked == Some(true) || over || expired || status == Some("revoked");
        Some(Self { info, dead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Identified> {
        Identified::read(body.as_bytes())
    }

    #[test]
    fn each_kind_says_in_its_own_way_that_it_is_dead() {
        for (body, dead) in [
            (r#"{"id":1,"revoked":false,"active":true,"impersonation":true}"#, false),
            (r#"{"id":1,"revoked":true,"active":false}"#, true),
            (r#"{"id":1,"revoked":false,"active":false,"expires_at":"2024-10-04"}"#, true),
            (r#"{"id":1,"revoked":false,"expired":false}"#, false),
            (r#"{"id":1,"revoked":false,"expired":true}"#, true),
            (r#"{"id":1,"agent_id":2,"status":"active"}"#, false),
            (r#"{"id":1,"agent_id":2,"status":"revoked"}"#, true),
            // A paused runner.
            (r#"{"id":1,"active":false,"paused":true,"status":"offline"}"#, false),
            (r#"{"id":1,"username":"root","state":"active"}"#, false),
        ] {
            assert_eq!(read(body).unwrap().dead, dead, "{body}");
        }
    }

    #[test]
    fn what_has_another_type_is_left_out_and_a_token_is_never_taken() {
        let told = read(
            r#"{"id":3,"token":"glptt-SECRET","description":"SECRET","name":null,"scopes":"api",
                "user_id":"7","last_used":"2026-06-17T08:41:01.787Z","owner":{"id":1}}"#,
        )
        .unwrap();
        assert_eq!((told.info.id, told.info.user_id), (3, None));
        assert_eq!((told.info.scopes.len(), told.info.name.as_ref()), (0, None));
        assert_eq!(told.info.last_used_at.as_deref(), Some("2026-06-17T08:41:01.787Z"));
        assert!(!format!("{told:?}").contains("SECRET"));
        for nothing in ["", "{}", "[]", "null", "7", r#"{"id":"1"}"#, r#"{"job":{"id":1}}"#] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
