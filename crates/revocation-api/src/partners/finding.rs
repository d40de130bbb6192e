//! One item as the programmes send it: `type`, `token`, `url`, and of GitHub `source`.

use portcullis_revocation::intake::Report;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::item::Member;
use crate::items::{self, Judged};
use crate::splitter::Element;

#[derive(Deserialize)]
struct Finding {
    #[serde(rename = "type")]
    token_type: Member,
    token: Member,
    url: Option<Member>,
    source: Option<Member>,
}

/// The report that an element is; `None` where it is none.
pub(super) fn read(element: Element<'_>) -> Option<Report> {
    let Element::Bytes(bytes) = element else { return None };
    // An array of the same values would be taken for an object.
    if bytes.first() != Some(&b'{') {
        return None;
    }
    // Asked of the whole element: the parser would not look into members that it passes over.
    let text = std::str::from_utf8(bytes).ok()?;
    let Finding { token_type, token, url, source } = serde_json::from_str(text).ok()?;
    let Member::Text(token_type) = token_type else { return None };
    let location = location(url.as_ref(), source.as_ref());
    match items::of(&token_type, token, location.as_deref()) {
        Judged::Report(report) => Some(report),
        Judged::Skipped | Judged::Rejected(_) => None,
    }
}

/// Where it was found, and in what: `https://…/file (commit)`.
fn location(url: Option<&Member>, source: Option<&Member>) -> Option<String> {
    let text = |member: Option<&Member>| match member {
        Some(Member::Text(text)) => {
            Some(text.expose_secret().trim().to_owned()).filter(|text| !text.is_empty())
        }
        Some(Member::Null | Member::Other) | None => None,
    };
    match (text(url), text(source)) {
        (Some(url), Some(source)) => Some(format!("{url} ({source})")),
        (url, source) => url.or(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(String, String, Option<String>)> {
        let report = read(Element::Bytes(text.as_bytes()))?;
        Some((report.token_type, report.secret.expose_secret().to_owned(), report.location))
    }

    #[test]
    fn a_finding_is_read_whatever_its_url_is() {
        for (rest, location) in [
            ("", None),
            (r#","url":"","source":"""#, None),
            (r#","url":null,"source":7"#, None),
            (r#","url":[1],"source":{"a":1}"#, None),
            (r#","url":" https://a.example/b ""#, Some("https://a.example/b")),
            (r#","url":"https://a.example","source":"commit""#, Some("https://a.example (commit)")),
            (r#","source":"commit","more":[{}]"#, Some("commit")),
        ] {
            let read = of(&format!(r#"{{"type":"t","token":"s"{rest}}}"#)).unwrap();
            assert_eq!(read, ("t".into(), "s".into(), location.map(str::to_owned)), "{rest}");
        }
        let long = format!(r#"{{"type":"t","token":"s","url":"{}"}}"#, "ä".repeat(5000));
        assert_eq!(of(&long).unwrap().2.unwrap().len(), 2048);
        let cut = "x".repeat(2040);
        let long =
            format!(r#"{{"type":"t","token":"0123456789abcdef","url":"{cut}0123456789abcdef"}}"#);
        assert_eq!(of(&long).unwrap().2.unwrap(), format!("{cut}[secret]"), "no half of a secret");
    }

    #[test]
    fn what_is_odd_is_no_finding() {
        let long = format!(r#"{{"type":"t","token":"{}"}}"#, "x".repeat(16 * 1024 + 1));
        let deep = format!(r#"{{"type":"t","token":"s","x":{}}}"#, "[".repeat(1000));
        for text in [
            "",
            "1",
            "null",
            "{}",
            r#"["t","s",null,null]"#,
            r#"{"type":"t"}"#,
            r#"{"token":"s"}"#,
            r#"{"type":"t","token":null}"#,
            r#"{"type":"t","token":""}"#,
            r#"{"type":"t","token":1}"#,
            r#"{"type":"","token":"s"}"#,
            r#"{"type":"a\u0000","token":"s"}"#,
            r#"{"type":7,"token":"s"}"#,
            r#"{"type":"t","token":"s","token":"u"}"#,
            r#"{"type":"t","token":"\ud800"}"#,
            r#"{"type":"t","token":"s"} {}"#,
            &long,
            &deep,
        ] {
            assert_eq!(of(text), None, "{text:.60}");
        }
        assert!(read(Element::TooLong).is_none());
        assert!(read(Element::Bytes(b"{\"type\":\"t\",\"token\":\"s\",\"x\":\"\xff\"}")).is_none());
    }
}
