//! What GitLab says of users and their tokens.

use std::borrow::Cow;

use portcullis_base::secret::SecretString;
use serde::Deserialize;
use time::{Date, OffsetDateTime};

use crate::client::header;
use crate::moment;

/// An impersonation token that was just made; GitLab never shows it again.
#[derive(Debug, Clone)]
pub struct CreatedToken {
    /// Its number at this GitLab.
    pub id: u64,
    /// The token; it can stand in a header.
    pub token: SecretString,
    /// Neither revoked nor expired.
    pub active: Option<bool>,
    /// The day on which it expires, in UTC.
    pub expires_at: Option<Date>,
}

/// An impersonation token as it is listed: without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// Its number at this GitLab.
    pub id: u64,
    /// What its maker called it.
    pub name: String,
    /// When it was made.
    pub created_at: Option<OffsetDateTime>,
    /// Neither revoked nor expired.
    pub active: Option<bool>,
}

/// A user as an administrator sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their number at this GitLab.
    pub id: u64,
    /// Their name there.
    pub username: String,
    /// Whether they are an administrator. `None`: GitLab does not tell, because the asker is none
    /// (where admin mode is on: lacks the scope `admin_mode`).
    pub is_admin: Option<bool>,
    /// `active`, `blocked`, `deactivated` and others.
    pub state: Option<String>,
}

#[derive(Deserialize)]
struct Created<'a> {
    id: u64,
    /// Borrowed, so that no copy of it stays behind.
    #[serde(borrow)]
    token: Cow<'a, str>,
    active: Option<bool>,
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: u64,
    name: String,
    active: Option<bool>,
    created_at: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    id: u64,
    username: String,
    is_admin: Option<bool>,
    state: Option<String>,
}

/// `None` for what is no token, or one that nobody could use.
pub(super) fn created(body: &[u8]) -> Option<CreatedToken> {
    let told: Created<'_> = serde_json::from_slice(body).ok()?;
    let token = SecretString::from(told.token.as_ref());
    header(&token).ok()?;
    let expires_at = told.expires_at.as_deref().and_then(moment::day);
    Some(CreatedToken { id: told.id, token, active: told.active, expires_at })
}

/// `None` where anything in it is no token with an id and a name: without that entry the rest would
/// look like the whole list, and whoever looks for a token in it would think that it is gone.
pub(super) fn listed(body: &[u8]) -> Option<Vec<ListedToken>> {
    let told: Vec<Listed> = serde_json::from_slice(body).ok()?;
    let each = told.into_iter().map(|Listed { id, name, active, created_at }| {
        let created_at = created_at.as_deref().and_then(moment::moment);
        ListedToken { id, name, created_at, active }
    });
    Some(each.collect())
}

/// `None` for what is no user with an id and a name.
pub(super) fn user(body: &[u8]) -> Option<User> {
    let Described { id, username, is_admin, state } = serde_json::from_slice(body).ok()?;
    Some(User { id, username, is_admin, state })
}

#[cfg(test)]
mod tests {
    use portcullis_base::secret::ExposeSecret as _;
    use time::Month;

    use super::*;

    #[test]
    fn only_an_id_and_a_token_make_a_creation() {
        let bare = created(br#"{"id":2,"token":"EsMo-vhKfXGwX9RKrwiy"}"#).unwrap();
        assert_eq!((bare.id, bare.token.expose_secret()), (2, "EsMo-vhKfXGwX9RKrwiy"));
        assert_eq!((bare.active, bare.expires_at), (None, None));
        let escaped = created(br#"{"id":2,"token":"glpat-\u0061","expires_at":"soon"}"#).unwrap();
        assert_eq!((escaped.token.expose_secret(), escaped.expires_at), ("glpat-a", None));
        let whole = r#"{"id":2,"token":"glpat-x","active":true,"expires_at":"2027-06-16","x":{}}"#;
        let whole = created(whole.as_bytes()).unwrap();
        let day = Date::from_calendar_date(2027, Month::June, 16).ok();
        assert_eq!((whole.active, whole.expires_at), (Some(true), day));
        assert!(!format!("{whole:?}").contains("glpat"));
        for body in [
            "",
            "{}",
            "null",
            "[]",
            r#"{"id":2}"#,
            r#"{"id":2,"token":null}"#,
            r#"{"id":2,"token":""}"#,
            r#"{"id":2,"token":"a b"}"#,
            r#"{"id":2,"token":"a\nb"}"#,
            r#"{"id":2,"token":7}"#,
            r#"{"token":"glpat-x"}"#,
            r#"{"id":"2","token":"glpat-x"}"#,
            r#"{"id":-2,"token":"glpat-x"}"#,
            r#"{"id":2,"token":"glpat-x""#,
        ] {
            assert!(created(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_read_hides_nothing() {
        let good = r#"{"id":2,"name":"","created_at":"2017-03-17T17:18:09.283Z","active":true}"#;
        let all = listed(format!("[{good},{{\"id\":3,\"name\":\"x\"}}]").as_bytes()).unwrap();
        assert_eq!((all[0].id, all[0].name.as_str(), all[0].active), (2, "", Some(true)));
        assert_eq!(all[0].created_at.unwrap().unix_timestamp(), 1_489_771_089);
        assert_eq!((all[1].id, all[1].created_at, all[1].active), (3, None, None));
        assert_eq!(listed(b"[]"), Some(vec![]));
        for bad in [r#"{"id":3}"#, r#"{"id":3,"name":null}"#, r#"{"name":"x"}"#, "null", "7"] {
            assert_eq!(listed(format!("[{good},{bad}]").as_bytes()), None, "{bad}");
        }
        for nothing in ["", "{}", "null", good] {
            assert_eq!(listed(nothing.as_bytes()), None, "{nothing}");
        }
    }

    #[test]
    fn whether_a_user_is_an_administrator_may_be_left_unsaid() {
        let told = |body: &str| user(body.as_bytes());
        let admin = told(r#"{"id":2,"username":"root","is_admin":true,"state":"active"}"#).unwrap();
        assert_eq!((admin.is_admin, admin.state.as_deref()), (Some(true), Some("active")));
        let bare = told(r#"{"id":2,"username":"root"}"#).unwrap();
        assert_eq!((bare.id, bare.username.as_str(), bare.is_admin), (2, "root", None));
        for nothing in [
            "",
            "[]",
            r#"{"id":2}"#,
            r#"{"username":"root"}"#,
            r#"{"id":2,"username":"root","is_admin":"no"}"#,
        ] {
            assert_eq!(told(nothing), None, "{nothing}");
        }
    }
}
