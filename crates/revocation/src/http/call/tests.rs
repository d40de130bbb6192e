use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;

use super::*;
use crate::http::Answer;

const URL: &str = "https://vendor.example:8443/v1/{token}";

fn described(body: Option<&str>, headers: &[(&str, &str)]) -> Description {
    let revoked = Answer { status: vec![204], members: BTreeMap::new(), confirmed: false };
    Description {
        method: "POST".to_owned(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: body.map(str::to_owned),
        answers: Answers { revoked: vec![revoked], ..Answers::default() },
        batch: None,
        rate: None,
    }
}

fn request(url: &str, description: &Description, secret: &str) -> Option<Request> {
    let call = Call::new(url, description, None, &[]).unwrap();
    let client = client(&ClientOptions::default()).unwrap();
    call.request(&client, &[&SecretString::from(secret)], &[])
}

fn body(request: &Request) -> &str {
    std::str::from_utf8(request.body().unwrap().as_bytes().unwrap()).unwrap()
}

/// Whoever leaks a secret may have chosen it.
const HOSTILE: [&str; 12] = [
    "a/../../x",
    "@thief.test/",
    "\\\\thief.test\\",
    "?x=1&y=2#z",
    "%2e%2e%2f",
    "a\"b\\c",
    "a\r\nX-Evil: 1",
    "{credential}",
    "a b+c&d=e",
    "\u{e4}\u{1f512}",
    "\0",
    "//thief.test",
];

#[test]
fn whatever_the_secret_is_it_stays_in_its_place() {
    for secret in HOSTILE {
        let Some(sent) = request(URL, &described(None, &[]), secret) else {
            panic!("{secret:?} can stand in a path")
        };
        assert_eq!(
            (sent.url().host_str(), sent.url().port()),
            (Some("vendor.example"), Some(8443))
        );
        let segments: Vec<&str> = sent.url().path_segments().unwrap().collect();
        assert_eq!((segments.len(), segments[0]), (2, "v1"), "{secret:?} {}", sent.url());
        let back = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
        assert_eq!(back, secret);
        assert_eq!((sent.url().query(), sent.url().fragment()), (None, None));

        let json = described(Some("{\"a\": [1, {\"b\": \"x{token}\"}], \"c\": null}"), &[]);
        let sent = request("https://vendor.example/", &json, secret).unwrap();
        let read: serde_json::Value = serde_json::from_str(body(&sent)).unwrap();
        assert_eq!(read, serde_json::json!({"a": [1, {"b": format!("x{secret}")}], "c": null}));

        let kind = ("content-type", "application/x-www-form-urlencoded");
        let form = described(Some("token={token}&kind=any"), &[kind]);
        let sent = request("https://vendor.example/", &form, secret).unwrap();
        let pairs: Vec<_> = url::form_urlencoded::parse(body(&sent).as_bytes()).collect();
        assert_eq!(pairs, [("token".into(), secret.into()), ("kind".into(), "any".into())]);
    }
}

#[test]
fn what_cannot_stand_in_a_header_is_not_sent_at_all() {
    let header = described(None, &[("Authorization", "Bearer {token}")]);
    for secret in ["a\r\nX-Evil: 1", "a\nb", "a b", "\0", "\u{e4}", ""] {
        assert!(request("https://vendor.example/", &header, secret).is_none(), "{secret:?}");
    }
    let sent = request("https://vendor.example/", &header, "good.\"token\"").unwrap();
    let value = &sent.headers()["authorization"];
    assert_eq!(value.as_bytes(), b"Bearer good.\"token\"");
    assert!(value.is_sensitive(), "{sent:?}");
}

#[test]
fn a_segment_of_dots_is_not_sent() {
    for dots in [".", "..", ""] {
        assert!(request(URL, &described(None, &[]), dots).is_none(), "{dots:?}");
    }
}

#[test]
fn a_batch_lists_all_in_its_place() {
    let batch =
        Description { batch: Some(3), ..described(Some(r#"{"all":["{tokens}"],"n":1}"#), &[]) };
    let nested = Description { batch: Some(3), ..described(Some(r#"[{"a":["{tokens}"]}]"#), &[]) };
    Call::new("https://vendor.example/", &nested, None, &[]).unwrap();
    let call = Call::new("https://vendor.example/", &batch, None, &[]).unwrap();
    let secrets = ["one", "t\"wo"].map(SecretString::from);
    let sent = call.request(&client(&ClientOptions::default()).unwrap(), &secrets.each_ref(), &[]);
    assert_eq!(body(&sent.unwrap()), r#"{"all":["one","t\"wo"],"n":1}"#);
}

#[test]
fn the_pieces_of_a_secret_have_names_and_the_operator_a_credential() {
    let description = described(None, &[("Authorization", "SSWS {credential}")]);
    let url = "https://vendor.example/hooks/{id}/{key}";
    let credential = || Some(SecretString::from("mine"));
    let unknown = Call::new(url, &description, credential(), &["id"]).unwrap_err();
    assert_eq!(unknown, CallError::Unknown { name: "key".to_owned(), key: "url" });
    let call = Call::new(url, &description, credential(), &["id", "key"]).unwrap();
    let groups = [("id", "7"), ("key", "a/b")].map(|(n, v)| (n.to_owned(), SecretString::from(v)));
    let http = client(&ClientOptions::default()).unwrap();
    let sent = call.request(&http, &[&SecretString::from("whole")], &groups).unwrap();
    assert_eq!(sent.url().as_str(), "https://vendor.example/hooks/7/a%2Fb");
    assert_eq!(sent.headers()["authorization"].as_bytes(), b"SSWS mine");
    assert!(call.request(&http, &[&SecretString::from("whole")], &groups[..1]).is_none());
}

#[test]
fn a_format_gives_no_other_meaning_to_the_names_that_are_ours() {
    let description = described(Some(r#"{"a":"{token}"}"#), &[("A", "{credential}")]);
    let names = ["token", "tokens", "credential"];
    let url = "https://vendor.example/";
    let own = || Some(SecretString::from("mine"));
    let call = Call::new(url, &description, own(), &names).unwrap();
    let groups = names.map(|name| (name.to_owned(), SecretString::from("piece")));
    let http = client(&ClientOptions::default()).unwrap();
    let sent = call.request(&http, &[&SecretString::from("whole")], &groups).unwrap();
    assert_eq!((body(&sent), sent.headers()["a"].as_bytes()), (r#"{"a":"whole"}"#, &b"mine"[..]));
    let nothing = described(None, &[("A", "{credential}")]);
    assert_eq!(Call::new(url, &nothing, own(), &names).unwrap_err(), CallError::NoToken);
    assert!(matches!(Call::new(url, &nothing, None, &names), Err(CallError::Unknown { .. })));
}

#[test]
fn a_secret_that_would_not_be_sent_is_no_request() {
    for url in [
        "https://vendor.example/#{token}",
        "https://vendor.example/{token}#x",
        "https://vendor.example/{token}?a=1#",
        "https://:secret@vendor.example/{token}",
        "https://user@vendor.example/{token}",
    ] {
        let call = Call::new(url, &described(None, &[]), None, &[]);
        assert_eq!(call.unwrap_err(), CallError::Url, "{url}");
    }
    let twice = described(None, &[("Authorization", "{token}"), ("authorization", "b")]);
    let call = Call::new("https://vendor.example/", &twice, None, &[]);
    assert_eq!(call.unwrap_err(), CallError::Header("authorization".to_owned()));
}

#[test]
fn all_secrets_of_a_batch_have_one_place() {
    for (batch, body, url) in [
        (Some(3), r#"{"all":["{tokens}"],"n":"{tokens}"}"#, "https://vendor.example/"),
        (Some(3), r#"{"all":["{tokens}"]}"#, "https://vendor.example/{tokens}"),
        (Some(3), r#"{"all":["{tokens}","x"]}"#, "https://vendor.example/"),
        (Some(3), r#"{"all":["{tokens}"],"n":"{token}"}"#, "https://vendor.example/"),
        (None, r#"{"all":["{tokens}"],"n":"{token}"}"#, "https://vendor.example/"),
        (None, r#"{"n":"{token}{tokens}"}"#, "https://vendor.example/"),
    ] {
        let description = Description { batch, ..described(Some(body), &[]) };
        let call = Call::new(url, &description, None, &[]);
        assert_eq!(call.unwrap_err(), CallError::Batch, "{body}");
    }
}
