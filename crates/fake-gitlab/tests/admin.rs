//! The answers to administrators, as GitLab's source gives them.

use portcullis_base::http::{ClientOptions, client};
use portcullis_fake_gitlab::{FakeGitlab, TokenKind, TokenSpec, TokenState};
use reqwest::Method;
use serde_json::{Value, json};

const ADMIN: &str = "glpat-administrators-000";
const PATH: &str = "/api/v4/admin/token";
const NOT_FOUND: &str = r#"{"message":{"error":"Not found"}}"#;

fn gitlab() -> FakeGitlab {
    let gitlab = FakeGitlab::start();
    gitlab.add_token_with(ADMIN, TokenSpec { admin: true, ..TokenSpec::default() });
    gitlab.allow_admin_revocation(true);
    gitlab
}

async fn says(
    gitlab: &FakeGitlab,
    method: Method,
    admin: &str,
    body: impl Into<reqwest::Body>,
) -> (u16, String) {
    let http = client(&ClientOptions::default()).unwrap();
    let request = http.request(method, format!("{}{PATH}", gitlab.url()));
    let request = request.header("PRIVATE-TOKEN", admin).body(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn about(token: &str) -> String {
    json!({ "token": token }).to_string()
}

#[tokio::test]
async fn every_kind_is_described_in_its_own_words_and_dies() {
    let gitlab = gitlab();
    for (kind, token, told, left) in [
        (TokenKind::Personal, "glpat-0", "active", Some("revoked")),
        (TokenKind::Impersonation, "glpat-1", "impersonation", Some("revoked")),
        (TokenKind::Deploy, "gldt-0", "username", Some("revoked")),
        (TokenKind::Agent, "glagent-0", "agent_id", Some("status")),
        (TokenKind::Trigger, "glptt-0", "owner", None),
        (TokenKind::Feed, "glft-0", "state", None),
        (TokenKind::Runner, "glrt-0", "runner_type", None),
    ] {
        gitlab.add_token_with(token, TokenSpec { kind, ..TokenSpec::default() });
        let identify = || says(&gitlab, Method::POST, ADMIN, about(token));
        let (status, body) = identify().await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200, "{kind:?}");
        assert!(body["id"].is_u64() && !body[told].is_null(), "{kind:?} {body}");
        assert_eq!(gitlab.state(token), Some(TokenState::Active));

        let done = says(&gitlab, Method::DELETE, ADMIN, about(token)).await;
        assert_eq!(done, (204, String::new()), "{kind:?}");
        assert_eq!(gitlab.state(token), Some(TokenState::Revoked));
        let (status, body) = identify().await;
        if let Some(member) = left {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(status, 200, "{kind:?}");
            assert!([json!(true), json!("revoked")].contains(&body[member]), "{kind:?} {body}");
        } else {
            assert_eq!((status, body.as_str()), (404, NOT_FOUND), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn only_administrators_are_heard() {
    let gitlab = gitlab();
    gitlab.add_token("glpat-leaked");
    let scopes = vec!["read_api".to_owned()];
    let narrow = TokenSpec { admin: true, scopes, ..TokenSpec::default() };
    gitlab.add_token_with("glpat-narrow", narrow);
    let dead = TokenSpec { admin: true, state: TokenState::Revoked, ..TokenSpec::default() };
    gitlab.add_token_with("glpat-dead", dead);
    let deploy = TokenSpec { admin: true, kind: TokenKind::Deploy, ..TokenSpec::default() };
    gitlab.add_token_with("gldt-0", deploy);
    for (admin, status, text) in [
        ("glpat-unknown", 401, r#"{"message":"401 Unauthorized"}"#),
        ("gldt-0", 401, r#"{"message":"401 Unauthorized"}"#),
        ("glpat-dead", 401, r#""error":"invalid_token""#),
        ("glpat-leaked", 403, r#"{"message":"403 Forbidden"}"#),
        ("glpat-narrow", 403, r#""scope":"api""#),
    ] {
        for method in [Method::POST, Method::DELETE] {
            let (answered, body) = says(&gitlab, method, admin, about("glpat-leaked")).await;
            assert_eq!(answered, status, "{admin}");
            assert!(body.contains(text), "{admin} {body}");
        }
    }
    assert_eq!(gitlab.state("glpat-leaked"), Some(TokenState::Active));
}

#[tokio::test]
async fn what_is_unknown_unsupported_or_switched_off() {
    let gitlab = gitlab();
    gitlab.add_token("glpat-leaked");
    let unsupported = r#"{"message":"Token type not supported."}"#;
    for method in [Method::POST, Method::DELETE] {
        let says = async |body: String| says(&gitlab, method.clone(), ADMIN, body).await;
        assert_eq!(says(about("glpat-unknown")).await, (404, NOT_FOUND.to_owned()));
        assert_eq!(says(about("glsoat-0")).await, (422, unsupported.to_owned()));
        for body in [String::new(), "{}".to_owned(), r#"{"token":7}"#.to_owned()] {
            assert_eq!(says(body).await.0, 400);
        }
    }
    gitlab.allow_admin_revocation(false);
    let off = r#"{"message":"'api_admin_token_revoke' feature flag is disabled"}"#;
    for token in ["glpat-leaked", "glpat-unknown", "glsoat-0"] {
        let answer = says(&gitlab, Method::DELETE, ADMIN, about(token)).await;
        assert_eq!(answer, (404, off.to_owned()));
    }
    assert_eq!(says(&gitlab, Method::POST, ADMIN, about("glpat-leaked")).await.0, 200);
}

#[tokio::test]
async fn impersonation_can_be_switched_off_and_on() {
    let gitlab = gitlab();
    let kind = TokenKind::Impersonation;
    gitlab.add_token_with("glpat-1", TokenSpec { kind, admin: true, ..TokenSpec::default() });
    let asks = || says(&gitlab, Method::POST, "glpat-1", about("glpat-1"));
    assert_eq!(asks().await.0, 200);
    gitlab.allow_impersonation(false);
    let (status, body) = asks().await;
    assert_eq!(status, 401);
    assert!(body.contains("impersonation was disabled"), "{body}");
    gitlab.allow_impersonation(true);
    assert_eq!(asks().await.0, 200);
}
