//! What Gerrit asserts.

use serde::Deserialize;

use super::GerritError;

/// The claims that are Gerrit's own.
#[derive(Debug, Deserialize)]
pub(super) struct Asserted {
    #[serde(rename = "asserted_user", default)]
    pub(super) user: AssertedUser,
    #[serde(rename = "asserted_change", default)]
    pub(super) change: AssertedChange,
}

/// A Gerrit user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AssertedUser {
    /// The account's number at its host; 0 where Gerrit says none.
    pub account_id: i64,
    /// Every email that Gerrit knows to be the user's.
    pub emails: Vec<String>,
    /// The one that the user prefers; empty where there is none.
    pub preferred_email: String,
}

/// A change under review.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AssertedChange {
    /// The Gerrit host; empty where Gerrit says none.
    pub host: String,
    /// The repository; empty where Gerrit says none.
    pub repository: String,
    /// The change's number at its host; 0 where Gerrit says none.
    pub change_number: i64,
}

impl AssertedUser {
    /// The email that names the user.
    pub(super) fn email(&self) -> Result<&str, GerritError> {
        let preferred = Some(self.preferred_email.as_str()).filter(|email| !email.is_empty());
        let email = preferred.or_else(|| self.emails.first().map(String::as_str));
        let email = email.ok_or(GerritError::NoEmail)?;
        if is_email(email) { Ok(email) } else { Err(GerritError::Email) }
    }
}

/// `^[0-9a-zA-Z_\-\.\+\%]+@[0-9a-zA-Z_\-\.]+$`, the whole of the text: LUCI's idea of an email.
fn is_email(text: &str) -> bool {
    let of = |text: &str, marks: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
    };
    text.split_once('@').is_some_and(|(name, host)| of(name, "_-.+%") && of(host, "_-."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_one_from_its_first_to_its_last_character() {
        for good in ["a@b", "A.b-c_d+e%f@x-y_z.example.com", "0@0"] {
            assert!(is_email(good), "{good}");
        }
        for bad in
            ["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n", "\na@b", "a@b+c", "ä@b", "a@b/c"]
        {
            assert!(!is_email(bad), "{bad:?}");
        }
    }
}
