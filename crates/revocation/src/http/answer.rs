//! What a vendor's answers mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Answers of one meaning: those of these statuses in whose body these members have one of these values.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The statuses.
    #[serde(deserialize_with = "one_or_many")]
    pub status: Vec<u16>,
    /// By path, such as `error.code`: the values of which the member must have one.
    #[serde(rename = "where", default, deserialize_with = "members")]
    pub members: BTreeMap<String, Vec<Value>>,
    /// Of an answer that means dead already: whether the vendor knows the token. Whoever merely does not take
    /// it may never have heard of it.
    #[serde(default)]
    pub confirmed: bool,
}

/// All answers that have a meaning.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// It is dead by our hand.
    pub revoked: Vec<Answer>,
    /// The report is accepted, and nobody will tell what comes of it.
    pub submitted: Vec<Answer>,
    /// It was dead already.
    pub inactive: Vec<Answer>,
    /// It cannot be revoked in this way, ever.
    pub refused: Vec<Answer>,
    /// Not now.
    pub retry: Vec<Answer>,
}

/// What one answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Revoked,
    Submitted,
    Inactive {
        confirmed: bool,
    },
    Refused,
    Retry,
    /// None of those. Nothing is concluded from it.
    Unknown,
}

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) status: u16,
    pub(super) is_html: bool,
    /// All of it was read, and it is not compressed.
    pub(super) is_whole: bool,
    pub(super) body: &'a [u8],
}

impl Given<'_> {
    /// A log-in page, or that of a proxy which lets nothing pass. Not all say what they are, and some that are
    /// none say they were: a 204 has no content, whatever type Discord gives to it.
    fn is_page(&self) -> bool {
        let is_empty = self.status == 204 && self.body.is_empty();
        (self.is_html && !is_empty) || self.text().trim_ascii_start().starts_with(b"<")
    }

    /// The body without the mark that some put in front of UTF-8.
    fn text(&self) -> &[u8] {
        self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.body)
    }
}

impl Answers {
    /// What an answer means. Where several descriptions fit, the one that claims the least counts: whoever
    /// wrote them down knew less than they thought.
    pub(super) fn judge(&self, given: &Given<'_>) -> Meaning {
        let body = serde_json::from_slice::<Value>(given.text()).ok();
        let is_page = given.is_page();
        let fits = |answers: &[Answer]| {
            let mut all = answers.iter();
            let found = all.find(|answer| answer.fits(given.status, body.as_ref()));
            // Whatever the status: a page is the word of somebody in between.
            found.filter(|answer| !is_page || !answer.members.is_empty()).cloned()
        };
        if fits(&self.retry).is_some() {
            return Meaning::Retry;
        }
        if fits(&self.refused).is_some() {
            return Meaning::Refused;
        }
        if let Some(answer) = fits(&self.inactive) {
            return Meaning::Inactive { confirmed: answer.confirmed };
        }
        let good = [(&self.submitted, Meaning::Submitted), (&self.revoked, Meaning::Revoked)];
        let found = good.into_iter().find_map(|(all, meaning)| Some((fits(all)?, meaning)));
        match found {
            // What was looked for in the body was found there; otherwise nothing in it may say the contrary.
            Some((answer, meaning))
                if !answer.members.is_empty()
                    || (given.is_whole && is_believable(body.as_ref())) =>
            {
                meaning
            }
            _ => Meaning::Unknown,
        }
    }

    /// Whether any answer ends the matter well.
    pub(super) fn can_succeed(&self) -> bool {
        !self.revoked.is_empty() || !self.submitted.is_empty()
    }

    /// Every description.
    pub(super) fn all(&self) -> impl Iterator<Item = &Answer> {
        [&self.revoked, &self.submitted, &self.inactive, &self.refused, &self.retry]
            .into_iter()
            .flatten()
    }
}

impl Answer {
    fn fits(&self, status: u16, body: Option<&Value>) -> bool {
        self.status.contains(&status)
            && self.members.iter().all(|(path, values)| {
                let found = body.and_then(|body| member(body, path));
                found.is_some_and(|found| values.contains(found))
            })
    }
}

fn member<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(body, |value, name| match value {
        Value::Object(members) => members.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A success with an error in it is none.
fn is_believable(body: Option<&Value>) -> bool {
    let says_no = |name| body.and_then(|body| body.get(name)) == Some(&Value::Bool(false));
    let says_something = |name| {
        let said = body.and_then(|body| body.get(name));
        said.is_some_and(|said| match said {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(true) | Value::Number(_) => true,
        })
    };
    let complains = ["error", "errors"].into_iter().any(says_something);
    !complains && !["ok", "success", "revoked"].into_iter().any(says_no)
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    Several::deserialize(deserializer).map(Several::into_vec)
}

fn members<'de, D>(deserializer: D) -> Result<BTreeMap<String, Vec<Value>>, D::Error>
where
    D: Deserializer<'de>,
{
    let given = BTreeMap::<String, Several<Value>>::deserialize(deserializer)?;
    Ok(given.into_iter().map(|(name, values)| (name, values.into_vec())).collect())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Several<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> Several<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(all) => all,
            Self::One(one) => vec![one],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Answers {
        serde_json::from_value(serde_json::json!({
            "revoked": [{ "status": 200, "where": { "ok": true, "revoked": true } }, { "status": [204, 205] }],
            "submitted": [{ "status": 202 }],
            "inactive": [
                { "status": 200, "where": { "error": ["dead", "gone"] }, "confirmed": true },
                { "status": 401 },
            ],
            "refused": [{ "status": 403, "where": { "errors.0.code": 7 } }],
            "retry": [{ "status": 403, "where": { "errors.0.code": [7, 8], "again": true } }],
        }))
        .unwrap()
    }

    fn judge(status: u16, body: &str) -> Meaning {
        answers().judge(&Given { status, is_html: false, is_whole: true, body: body.as_bytes() })
    }

    #[test]
    fn an_answer_means_what_is_written_down() {
        for (status, body, meaning) in [
            (200, r#"{"ok":true,"revoked":true}"#, Meaning::Revoked),
            (200, r#"{"ok":true,"revoked":true,"error":"x"}"#, Meaning::Revoked),
            (200, r#"{"ok":true,"revoked":false}"#, Meaning::Unknown),
            (200, r#"{"ok":false,"error":"gone"}"#, Meaning::Inactive { confirmed: true }),
            (200, "", Meaning::Unknown),
            (204, "", Meaning::Revoked),
            (205, "not json", Meaning::Revoked),
            (202, "{}", Meaning::Submitted),
            (401, "no", Meaning::Inactive { confirmed: false }),
            (403, r#"{"errors":[{"code":7}]}"#, Meaning::Refused),
            (403, r#"{"errors":[{"code":7}],"again":true}"#, Meaning::Retry),
            (403, r#"{"errors":{"code":7}}"#, Meaning::Unknown),
            (302, "", Meaning::Unknown),
        ] {
            assert_eq!(judge(status, body), meaning, "{status} {body}");
        }
    }

    #[test]
    fn a_success_with_an_error_in_it_is_none() {
        for body in [
            r#"{"error":"nothing was done"}"#,
            r#"{"errors":["nothing was done"]}"#,
            r#"{"error":{"code":1}}"#,
            r#"{"ok":false}"#,
            r#"{"success":false}"#,
            r#"{"revoked":false}"#,
            "\u{feff}{\"ok\":false}",
        ] {
            assert_eq!(judge(204, body), Meaning::Unknown, "{body}");
            assert_eq!(judge(202, body), Meaning::Unknown, "{body}");
        }
        for body in
            [r#"{"error":null,"errors":[],"ok":true}"#, r#"{"error":""}"#, r#"{"error":false}"#]
        {
            assert_eq!(judge(204, body), Meaning::Revoked, "{body}");
        }
    }

    #[test]
    fn a_page_of_somebody_in_between_says_nothing() {
        for status in [200, 202, 204, 205, 401, 403] {
            for body in [&b""[..], b"sorry"] {
                let page = Given { status, is_html: true, is_whole: true, body };
                let empty = status == 204 && body.is_empty();
                let meaning = if empty { Meaning::Revoked } else { Meaning::Unknown };
                assert_eq!(answers().judge(&page), meaning, "{status} {body:?}");
            }
            for body in ["<html>", " \r\n<!DOCTYPE html>", "\u{feff}\n<html>"] {
                assert_eq!(judge(status, body), Meaning::Unknown, "{status} {body}");
            }
        }
    }

    #[test]
    fn a_success_of_which_not_all_can_be_read_is_none() {
        let part = |status, body: &str| {
            let body = body.as_bytes();
            answers().judge(&Given { status, is_html: false, is_whole: false, body })
        };
        for status in [202, 204] {
            assert_eq!(part(status, r#"{"padding":"..."#), Meaning::Unknown, "{status}");
        }
        assert_eq!(part(401, "..."), Meaning::Inactive { confirmed: false }, "by its status alone");
    }
}
