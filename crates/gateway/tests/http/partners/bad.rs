//! What no programme sends.

use reqwest::Method;
use serde_json::{Value, json};

use super::{GITHUB, GITLAB, Programme, claimed};
use crate::garbage::MARK;
use crate::support::{Database, GITLAB_TYPE, PAT_TYPE, TestGateway, gitlab_toml, send};

/// `GITLAB_TYPE` is offered, and would go to a GitLab that nobody reaches.
fn offered(programme: &Programme, rest: &str) -> String {
    programme.toml(rest) + &gitlab_toml("http://127.0.0.1:1")
}

pub(crate) async fn what_is_not_ours_leaves_nothing(database: Database) {
    let programme = Programme::start();
    let gateway = TestGateway::start(&database, &offered(&programme, "")).await;
    let forged = format!("gitpod_pat_{}.{}", "A".repeat(43), "a".repeat(40));
    let items = json!([
        { "type": GITLAB_TYPE, "token": format!("glpat-{MARK}00000000"), "url": "" },
        { "type": PAT_TYPE, "token": forged, "url": "https://a.example" },
        { "type": "impersonation_token", "token": format!("{MARK}1") },
        { "type": "some_type", "token": MARK, "url": null, "source": 7 },
    ]);
    let answer = programme.report(&gateway, GITHUB, &items).await;
    assert_eq!(answer.status, 200);
    let said = answer.json();
    let labelled: Vec<&Value> = said.as_array().unwrap().iter().collect();
    assert_eq!(labelled.len(), 4);
    for (label, item) in labelled.iter().zip(items.as_array().unwrap()) {
        assert_eq!(label["label"], "false_positive");
        assert_eq!((&label["token_raw"], &label["token_type"]), (&item["token"], &item["type"]));
    }
    assert_eq!(programme.report(&gateway, GITLAB, &items).await.status, 204);
    assert_eq!(gateway.revocations("").await, Vec::<Value>::new());
    gateway.stop().await;
}

pub(crate) async fn a_request_that_does_not_prove_itself_is_refused(database: Database) {
    let (programme, other) = (Programme::start(), Programme::start());
    // A gateway for each, since those who fail are slowed down.
    for (path, elsewhere) in [(GITHUB, GITLAB), (GITLAB, GITHUB)] {
        let gateway = TestGateway::start(&database, &offered(&programme, "")).await;
        let pat = gateway.mint().await.token;
        let body = json!([{ "type": "t", "token": pat, "url": "" }]).to_string();
        let good = programme.sign(body.as_bytes());
        let post = || gateway.request(Method::POST, path).body(body.clone());
        let by = |identifier: &str, signature: &str| {
            claimed(&gateway, path, identifier, signature).body(body.clone())
        };
        let prefix = if path == GITHUB { "GITHUB" } else { "GITLAB" };
        let (identifier, signature) =
            (format!("{prefix}-PUBLIC-KEY-IDENTIFIER"), format!("{prefix}-PUBLIC-KEY-SIGNATURE"));
        for (what, request, code) in [
            ("nothing", post(), "missing_header"),
            ("no signature", post().header(&identifier, "now"), "missing_header"),
            ("no identifier", post().header(&signature, &good), "missing_header"),
            ("two of them", by("now", &good).header(&signature, &good), "missing_header"),
            ("an empty one", by("", &good), "missing_header"),
            ("a key that nobody has", by("never", &good), "unknown_key"),
            ("a long identifier", by(&"x".repeat(4000), &good), "unknown_key"),
            ("a retired key", by("before", &good), "key_not_current"),
            ("another's key", by("now", &other.sign(body.as_bytes())), "invalid_signature"),
            ("another body", by("now", &programme.sign(b"[]")), "invalid_signature"),
            ("no base64", by("now", "!"), "invalid_signature"),
            ("one more blank", by("now", &good).body(format!("{body} ")), "invalid_signature"),
        ] {
            let answer = send(request).await;
            assert_eq!((answer.status, answer.code()), (400, code.to_owned()), "{path}: {what}");
        }
        let of_the_other = claimed(&gateway, elsewhere, "now", &good).build().unwrap();
        let headers = of_the_other.headers().clone();
        let answer = send(post().headers(headers)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "missing_header"), "{path}");
        assert_eq!(gateway.auth(&pat).await.status, 200, "it lives");
        assert_eq!(gateway.revocations("").await, Vec::<Value>::new());
        gateway.stop().await;
    }
}

pub(crate) async fn a_body_is_read_when_it_is_proven_and_no_larger_than_allowed(
    database: Database,
) {
    let programme = Programme::start();
    let gateway = TestGateway::start(&database, &offered(&programme, "max_body = \"2KiB\"")).await;
    for body in ["", " ", MARK, "{}", "null", "[", "[{}", "[]x", "[,]", "\u{feff}[]", "\u{0}"] {
        for path in [GITHUB, GITLAB] {
            let answer = send(programme.request(&gateway, path, body)).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_body"), "{body:?}");
            assert!(!answer.text.contains(MARK));
        }
    }
    let unsigned = claimed(&gateway, GITHUB, "now", "x").body("{}");
    assert_eq!(send(unsigned).await.code(), "invalid_signature", "before it is read");
    let exact = format!("[{}]", " ".repeat(2046));
    assert_eq!(send(programme.request(&gateway, GITHUB, exact)).await.text, "[]");
    let large = format!("[{}]", " ".repeat(2047));
    let answer = send(programme.request(&gateway, GITHUB, large.clone())).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    assert_eq!(send(programme.request(&gateway, GITLAB, large)).await.status, 204, "1 MiB there");
    gateway.stop().await;
}

pub(crate) async fn odd_items_are_passed_over(database: Database) {
    let programme = Programme::start();
    let gateway = TestGateway::start(&database, &offered(&programme, "")).await;
    let pat = gateway.mint().await.token;
    let good = json!({ "type": "t", "token": pat });
    let items = json!([
        null, 7, "x", [], {}, ["t", pat, "", ""], good, { "type": "t" }, { "token": MARK },
        { "type": "t", "token": null }, { "type": "t", "token": "" }, { "type": "", "token": MARK },
        { "type": "t", "token": MARK.repeat(3000) }, { "type": [], "token": {} },
    ]);
    let answer = programme.report(&gateway, GITHUB, &items).await;
    assert_eq!(answer.status, 200);
    let labels = json!([{ "token_raw": pat, "token_type": "t", "label": "true_positive" }]);
    assert_eq!(answer.json(), labels);
    assert_eq!(gateway.auth(&pat).await.status, 401);
    assert_eq!(gateway.revocations("").await.len(), 1);
    assert_eq!(programme.report(&gateway, GITLAB, &json!([])).await.status, 204);
    gateway.stop().await;
}
