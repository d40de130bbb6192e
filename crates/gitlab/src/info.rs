//! What a token says about itself.

use serde::{Deserialize, Deserializer, Serialize};
use time::Date;

use crate::moment;

/// A personal access token as `GET /personal_access_tokens/self` shows it (GitLab's documentation,
/// `api/personal_access_tokens`). Which members there are has changed over the versions: only the
/// id is relied on, and what is missing or null is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Its number at this GitLab.
    pub id: u64,
    /// What its owner called it.
    #[serde(default)]
    pub name: Option<String>,
    /// The number of its owner.
    #[serde(default)]
    pub user_id: Option<u64>,
    /// What it may do.
    #[serde(default, deserialize_with = "null_is_none")]
    pub scopes: Vec<String>,
    /// Neither revoked nor expired.
    #[serde(default)]
    pub active: Option<bool>,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: Option<bool>,
    /// When it was made, as GitLab writes it (RFC 3339).
    #[serde(default)]
    pub created_at: Option<String>,
    /// The day on which it expires, as GitLab writes it (`YYYY-MM-DD`).
    #[serde(default)]
    pub expires_at: Option<String>,
    /// When it was last used, as GitLab writes it (RFC 3339, updated at most once a minute).
    #[serde(default)]
    pub last_used_at: Option<String>,
}

impl TokenInfo {
    /// The day on which it expires, in UTC: on that day it is already dead. `None` for a token
    /// that never expires, and for what is no day.
    pub fn expires_on(&self) -> Option<Date> {
        moment::day(self.expires_at.as_deref()?)
    }
}

fn null_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_is_needed() {
        let bare: TokenInfo = serde_json::from_str(r#"{"id":5}"#).unwrap();
        let nulls: TokenInfo = serde_json::from_str(
            r#"{"id":5,"name":null,"user_id":null,"scopes":null,"active":null,"revoked":null,
                "created_at":null,"expires_at":null,"last_used_at":null,"granular":false}"#,
        )
        .unwrap();
        assert_eq!(bare, nulls);
        assert_eq!((bare.id, bare.scopes, bare.active), (5, vec![], None));
        serde_json::from_str::<TokenInfo>(r#"{"name":"x"}"#).unwrap_err();
    }

    #[test]
    fn the_day_on_which_it_expires() {
        let expires_on = |text: Option<&str>| {
            let mut info: TokenInfo = serde_json::from_str(r#"{"id":5}"#).unwrap();
            info.expires_at = text.map(str::to_owned);
            info.expires_on()
        };
        let day = Date::from_calendar_date(2027, time::Month::June, 16).unwrap();
        assert_eq!(expires_on(Some("2027-06-16")), Some(day));
        assert_eq!(expires_on(None), None);
        assert_eq!(expires_on(Some("never")), None);
    }

    #[test]
    fn it_survives_a_record() {
        let info = TokenInfo {
            id: 7,
            name: Some("ci".to_owned()),
            user_id: Some(2),
            scopes: vec!["api".to_owned()],
            active: Some(true),
            revoked: Some(false),
            created_at: Some("2026-06-17T08:41:01.787Z".to_owned()),
            expires_at: Some("2027-06-16".to_owned()),
            last_used_at: None,
        };
        let record = serde_json::to_string(&info).unwrap();
        assert_eq!(serde_json::from_str::<TokenInfo>(&record).unwrap(), info);
    }
}
