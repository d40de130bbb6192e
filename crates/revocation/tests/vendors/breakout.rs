//! Secrets that were chosen to break out of their place.

use portcullis_revocation::provider::{Finding, Verdict};
use portcullis_test_support::{Asked, Vendor};
use serde_json::json;

use crate::support::{ask, provider, say, with_formats};
use crate::table::rows;

/// What no secret of any vendor has in it.
const HOSTILE: [&str; 12] = [
    "\"",
    "\\",
    "%2f..%2f",
    "/../",
    "@thief.example/",
    "#",
    "?x=1",
    "&token=other",
    "\r\nX-Evil: 1",
    "\n",
    "\0",
    "{token}",
];

#[tokio::test]
async fn what_no_secret_has_in_it_is_sent_nowhere() {
    let vendor = Vendor::start(|_| say(204, ""));
    for row in rows() {
        let provider = provider(row.preset, vendor.url());
        for bad in HOSTILE {
            let (front, back) = row.secret.split_at(row.secret.len() / 2);
            for secret in [format!("{front}{bad}{back}"), format!("{bad}{front}{back}")] {
                let verdict = ask(&provider, row.token_type, &secret).await;
                let refused = (verdict.finding, verdict.code) == (Finding::Refused, "format");
                assert!(refused, "{} {secret:?}: {verdict:?}", row.preset);
            }
        }
    }
    assert_eq!(vendor.asked(), []);
}

/// Sends it whatever its format is: the second line of defence alone.
async fn let_through(preset: &str, secret: &str) -> (Verdict, Vec<Asked>) {
    let vendor = Vendor::start(|_| say(204, ""));
    let provider = with_formats(preset, vendor.url(), |_| "^(?s:.*)$".to_owned());
    let token_type = rows().into_iter().find(|row| row.preset == preset).unwrap().token_type;
    (ask(&provider, token_type, secret).await, vendor.asked())
}

#[tokio::test]
async fn in_a_header_it_stays_one_value_or_is_not_sent() {
    for secret in ["a\"b", "\\", "%2f", "../../x", "@thief.example", "#?&x=1", "{token}"] {
        for (preset, header, before) in
            [("slack", "authorization", "Bearer "), ("vault", "x-vault-token", "")]
        {
            let (_, asked) = let_through(preset, secret).await;
            assert_eq!(asked.len(), 1, "{preset} {secret}");
            assert_eq!(asked[0].header(header), Some(format!("{before}{secret}").as_str()));
            assert_eq!(asked[0].text(), "");
        }
    }
    for secret in ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a b", "\0", "\u{e9}", "\u{7f}"] {
        let (verdict, asked) = let_through("slack", secret).await;
        assert_eq!((verdict.finding, verdict.code), (Finding::Refused, "unsendable"), "{secret:?}");
        assert_eq!(asked, [], "{secret:?}");
    }
}

#[tokio::test]
async fn in_a_path_it_stays_one_segment_or_is_not_sent() {
    for (secret, segment) in [
        ("../../x", "..%2F..%2Fx"),
        ("%2e%2e%2fx", "%252e%252e%252fx"),
        ("a?x=1#y", "a%3Fx%3D1%23y"),
        ("@thief.example", "%40thief.example"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
        ("\\\\thief.example\\", "%5C%5Cthief.example%5C"),
        ("a\"b;c", "a%22b%3Bc"),
        ("\u{e9}\0", "%C3%A9%00"),
        ("{token}", "%7Btoken%7D"),
    ] {
        let (_, asked) = let_through("hubspot-refresh-token", secret).await;
        assert_eq!(asked.len(), 1, "{secret:?}");
        assert_eq!(asked[0].target, format!("/oauth/v1/refresh-tokens/{segment}"));
        assert_eq!((asked[0].headers.len(), asked[0].text()), (3, ""), "{secret:?}");
    }
    for secret in [".", ".."] {
        let (verdict, asked) = let_through("hubspot-refresh-token", secret).await;
        assert_eq!((verdict.code, asked), ("unsendable", vec![]), "{secret:?}");
    }
}

#[tokio::test]
async fn in_a_body_it_stays_one_value() {
    for secret in
        ["a\"b", "\",\"admin\":true,\"x\":\"", "\\", "a\r\nb", "\0\u{e9}", "{token}", "a&b=c +%"]
    {
        let (_, asked) = let_through("doppler", secret).await;
        let read: serde_json::Value = serde_json::from_slice(&asked[0].body).unwrap();
        assert_eq!(read, json!({ "token": secret }));
        let (_, asked) = let_through("github", secret).await;
        let read: serde_json::Value = serde_json::from_slice(&asked[0].body).unwrap();
        assert_eq!(read, json!({ "credentials": [secret] }));
        assert!(!asked[0].text().contains(['\r', '\n', '\0']), "{secret:?}");
    }
    for (secret, form) in [
        ("a&b=c", "token=a%26b%3Dc"),
        ("a b+%2f", "token=a+b%2B%252f"),
        ("a\r\nb\0", "token=a%0D%0Ab%00"),
        ("a\"\u{e9}#?", "token=a%22%C3%A9%23%3F"),
        ("{token}", "token=%7Btoken%7D"),
    ] {
        let (_, asked) = let_through("google-oauth", secret).await;
        assert_eq!(asked[0].text(), form);
        assert_eq!(asked[0].target, "/revoke");
    }
}

#[tokio::test]
async fn of_a_webhooks_address_only_number_and_key_are_taken() {
    let (vendor, thief) = (Vendor::start(|_| say(204, "")), Vendor::start(|_| say(204, "")));
    let provider = provider("discord-webhook", vendor.url());
    let path = format!("/api/webhooks/123456789012345678/{}", "aB-_".repeat(17));
    let kind = "portcullis_discord_webhook";
    for secret in [
        format!("https://discord.com{path}"),
        format!("https://canary.discord.com{path}/"),
        format!("HTTPS://DISCORD.COM{path}?thread_id=1&to={}", thief.url()),
        format!("https://discord.com{path}#@{}", thief.url()),
        format!("https://discord.com{path}/../../{}", thief.url()),
    ] {
        let verdict = ask(&provider, kind, &secret).await;
        assert_eq!(verdict.finding, Finding::Revoked, "{secret}: {verdict:?}");
        let asked = vendor.take();
        assert_eq!((asked.len(), asked[0].target.as_str()), (1, path.as_str()), "{secret}");
        assert_eq!(asked[0].headers.len(), 3, "nothing else of it anywhere: {asked:?}");
    }
    let host = thief.url().trim_start_matches("http://");
    for secret in [
        format!("http://{host}{path}"),
        format!("https://discord.com@{host}{path}"),
        format!("https://discord.com:x@{host}{path}"),
        format!("https://{host}/https://discord.com{path}"),
        format!("https://{host}#https://discord.com{path}"),
        format!("https://discord.com.{host}{path}"),
        format!("https://{host}\\@discord.com{path}"),
    ] {
        let verdict = ask(&provider, kind, &secret).await;
        assert_eq!((verdict.finding, verdict.code), (Finding::Refused, "format"), "{secret}");
    }
    assert_eq!((vendor.asked(), thief.asked()), (vec![], vec![]));
}
