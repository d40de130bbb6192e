//! Leaked GitLab tokens, and an operator's hand in the queue.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use portcullis_fake_gitlab::{FakeGitlab, TokenKind, TokenSpec, TokenState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    ADMIN, Answer, Database, GITLAB_TYPE, PATIENCE, TestGateway, eventually, gitlab_toml, send,
};

const TOKEN: &str = "glpat-0123456789abcdefghij";

fn leak(token: &str) -> Value {
    json!([{ "type": GITLAB_TYPE, "token": token, "location": "https://gitlab.example.com/x" }])
}

async fn operate(gateway: &TestGateway, method: Method, path: &str) -> Answer {
    send(gateway.admin_request(method, &format!("/v1/revocations{path}")).bearer_auth(ADMIN)).await
}

/// Neither the database nor anything else in the folder has the token.
fn assert_nowhere(folder: &Path, token: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path, token);
        } else {
            let bytes = match fs::read(&path) {
                // SQLite has some of its files for a moment only.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                read => read.unwrap(),
            };
            let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
            assert!(!found, "{} holds the token", path.display());
        }
    }
}

pub(crate) async fn a_leaked_gitlab_token_dies_at_its_gitlab(database: Database) {
    let gitlab = FakeGitlab::start();
    gitlab.add_token(TOKEN);
    let gateway = TestGateway::start(&database, &gitlab_toml(gitlab.url())).await;
    assert_eq!(gateway.report(&leak(TOKEN)).await.status, 204);
    let row = gateway.ended().await;
    assert_eq!((&row["state"], &row["provider"]), (&json!("revoked"), &json!("gitlab")));
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Revoked));
    assert!(!row.to_string().contains(TOKEN));
    gateway.stop().await;
    assert_nowhere(database.folder(), TOKEN);
}

/// The log is searched for either token after every test.
pub(crate) async fn what_cannot_revoke_itself_dies_by_the_administrator(database: Database) {
    let (gitlab, administrator) = (FakeGitlab::start(), "glpat-of-an-administrator-00");
    let dead = TokenSpec { admin: true, state: TokenState::Expired, ..TokenSpec::default() };
    gitlab.add_token_with(administrator, dead);
    gitlab.allow_admin_revocation(true);
    let kind = TokenKind::Impersonation;
    gitlab.add_token_with(TOKEN, TokenSpec { kind, ..TokenSpec::default() });
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("admin-token");
    fs::write(&file, administrator).unwrap();
    let rest = format!("{}admin_token_file = \"{}\"\n", gitlab_toml(gitlab.url()), file.display());
    let gateway = TestGateway::start(&database, &rest).await;
    assert_eq!(gateway.report(&leak(TOKEN)).await.status, 204);
    let waiting = eventually(PATIENCE, async || {
        let all = gateway.revocations("?state=pending").await;
        all.into_iter().find(|row| row["code"] == "admin_token_refused")
    });
    let waiting = waiting.await.to_string();
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Active));
    gitlab.set_state(administrator, TokenState::Active);
    let row = gateway.ended().await;
    assert_eq!(row["state"], "revoked");
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Revoked));
    for secret in [TOKEN, administrator] {
        assert!(!waiting.contains(secret) && !row.to_string().contains(secret));
    }
    gateway.stop().await;
    assert_nowhere(database.folder(), TOKEN);
    assert_nowhere(database.folder(), administrator);
}

pub(crate) async fn an_operator_approves_or_cancels_what_is_held(database: Database) {
    let gitlab = FakeGitlab::start();
    let other = "glpat-zyxwvutsrqponmlkjihg";
    gitlab.add_tokens([TOKEN, other]);
    let rest =
        format!("[revocation.modes]\n{GITLAB_TYPE} = \"approve\"\n{}", gitlab_toml(gitlab.url()));
    let gateway = TestGateway::start(&database, &rest).await;
    assert_eq!(gateway.report(&leak(TOKEN)).await.status, 204);
    let row = gateway.revocations("?state=held").await.remove(0);
    assert_nowhere(database.folder(), TOKEN);
    let path = format!("/{}", row["fingerprint"].as_str().unwrap());
    for (act, status) in [("retry", 409), ("approve", 200), ("approve", 409), ("retry", 409)] {
        let answer = operate(&gateway, Method::POST, &format!("{path}/{act}")).await;
        assert_eq!(answer.status, status, "{act}: {answer:?}");
        if status == 409 {
            assert_eq!(answer.code(), "wrong_state");
        }
    }
    assert_eq!(gateway.ended().await["state"], "revoked");
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Revoked));

    assert_eq!(gateway.report(&leak(other)).await.status, 204);
    let row = gateway.revocations("?state=held").await.remove(0);
    let path = format!("/{}", row["fingerprint"].as_str().unwrap());
    let cancelled = operate(&gateway, Method::POST, &format!("{path}/cancel")).await;
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("cancelled")));
    assert_eq!(operate(&gateway, Method::POST, &format!("{path}/approve")).await.status, 409);
    let shown = operate(&gateway, Method::GET, &path).await.json();
    assert_eq!((&shown["state"], &shown["attempts_made"]), (&json!("cancelled"), &json!([])));
    assert_eq!(gitlab.state(other), Some(TokenState::Active));
    gateway.stop().await;
}

pub(crate) async fn a_fingerprint_is_found_by_how_it_begins(database: Database) {
    let rest = format!(
        "[revocation.modes]\n{GITLAB_TYPE} = \"approve\"\n{}",
        gitlab_toml("http://127.0.0.1:1")
    );
    let gateway = TestGateway::start(&database, &rest).await;
    for n in 0..20 {
        assert_eq!(gateway.report(&leak(&format!("glpat-{n:020}"))).await.status, 204);
    }
    let all = gateway.revocations("").await;
    assert_eq!(all.len(), 20);
    for row in &all {
        let whole = row["fingerprint"].as_str().unwrap();
        for digits in [&whole[..8], &whole[..9], &whole[..63], whole, &whole[..8].to_uppercase()] {
            let found = gateway.revocations(&format!("?fingerprint={digits}")).await;
            assert_eq!(found, std::slice::from_ref(row), "{digits}");
        }
        let others = gateway.revocations(&format!("?fingerprint={whole}&state=failed")).await;
        assert!(others.is_empty());
    }
    assert!(gateway.revocations("?fingerprint=00000000").await.is_empty());
    gateway.stop().await;
}

pub(crate) async fn what_an_operator_gets_wrong_is_told(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let unknown = "ab".repeat(32);
    for id in [unknown.as_str(), "x", "%00", "%ff", &"ab".repeat(31), &"a".repeat(5000)] {
        for (method, tail) in [
            (Method::GET, ""),
            (Method::POST, "/approve"),
            (Method::POST, "/cancel"),
            (Method::POST, "/retry"),
        ] {
            let answer = operate(&gateway, method, &format!("/{id}{tail}")).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{id}{tail}");
        }
    }
    let long = format!("?fingerprint={}", "a".repeat(65));
    for (query, code) in [
        ("?state=nothing", "unknown_state"),
        ("?state=%00", "unknown_state"),
        ("?after=x", "after"),
        ("?after=1.zz", "after"),
        ("?after=99999999999999999999.ab", "after"),
        ("?limit=x", "query"),
        ("?fingerprint=", "fingerprint"),
        ("?fingerprint=abcdef0", "fingerprint"),
        ("?fingerprint=abcdefgh", "fingerprint"),
        ("?fingerprint=%C3%A4%C3%A4%C3%A4%C3%A4", "fingerprint"),
        (&long, "fingerprint"),
    ] {
        let answer = operate(&gateway, Method::GET, query).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{query}");
    }
    gateway.stop().await;
}
