//! A GitLab that refuses, fails or is away.

use std::time::Duration;

use portcullis_base::{Clock as _, SystemClock};
use portcullis_fake_gitlab::{Fault, JobSpec, TokenSpec, TokenState, UserSpec};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::broker::{ADMIN_TOKEN, TOKENS, ask, broker_toml, gitlab, given, revoked, said};
use crate::support::{Answer, Database, PATIENCE, TestGateway, eventually};

/// What GitLab, or what stands before it, says in the answers of these tests.
const ITS_WORDS: [&str; 9] = [
    "Retry later",
    "<html",
    "\"message\"",
    "\"error\"",
    "Must be admin",
    "available scopes",
    "Authorization Required",
    "401 Unauthorized",
    "Not Found",
];

fn assert_discreet(answer: &Answer, what: &str) {
    for words in ITS_WORDS {
        assert!(!answer.text.contains(words), "{what}: {answer:?}");
    }
    assert!(!answer.text.contains("glpat"), "{what}: {answer:?}");
}

pub(crate) async fn its_failures_are_told_in_our_words(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let status = |status| Fault::Status { status, retry_after: None };
    for (fault, expected, code) in [
        (status(400), 502, "gitlab_refused"),
        (status(403), 502, "gitlab_refused"),
        (status(404), 502, "gitlab_refused"),
        (status(500), 502, "gitlab_unavailable"),
        (status(503), 502, "gitlab_unavailable"),
        (status(200), 502, "gitlab_unavailable"),
        (status(301), 502, "gitlab_unavailable"),
        (Fault::Html { status: 201 }, 502, "gitlab_unavailable"),
        (Fault::Html { status: 404 }, 502, "gitlab_unavailable"),
        (Fault::PlainUnauthorized, 502, "gitlab_unavailable"),
        (Fault::DropBefore, 502, "gitlab_unavailable"),
        (status(429), 429, "gitlab_busy"),
        (Fault::Status { status: 429, retry_after: Some(7) }, 429, "gitlab_busy"),
    ] {
        gitlab.fault_next_of("POST", 1, fault.clone());
        let answer = ask(&gateway, &gitlab, &JobSpec::default()).await;
        assert_eq!(said(&answer), (expected, code.to_owned()), "{fault:?}");
        assert_discreet(&answer, &format!("{fault:?}"));
        let wait = match fault {
            Fault::Status { retry_after: Some(_), .. } => Some("7"),
            Fault::Status { status: 429, .. } => Some("5"),
            _ => None,
        };
        assert_eq!(answer.header("retry-after"), wait, "{fault:?}");
    }
    assert!(gateway.revocations("").await.is_empty(), "nothing waits to be revoked");
    assert!(gitlab.impersonation_tokens(2).is_empty());
    given(&gateway, &gitlab, &JobSpec::default()).await;
    gateway.stop().await;
}

pub(crate) async fn what_it_refuses_by_itself_is_told_alike(database: Database) {
    for (section, spec) in [
        // A token of somebody who is no administrator, whom GitLab tells nothing of others.
        ("", TokenSpec::default()),
        ("allow_admins = true", TokenSpec::default()),
        ("sudo_user = \"nobody\"\nallow_admins = true", root()),
        ("scopes = [\"no_such_scope\"]", root()),
        ("", TokenSpec { state: TokenState::Revoked, ..root() }),
    ] {
        let gitlab = gitlab();
        gitlab.add_token_with(ADMIN_TOKEN, spec);
        let gateway = TestGateway::start(&database, &broker_toml(&gitlab, section)).await;
        let answer = ask(&gateway, &gitlab, &JobSpec::default()).await;
        assert_eq!(said(&answer), (502, "gitlab_refused".to_owned()), "{section}");
        assert_discreet(&answer, section);
        assert!(gateway.revocations("").await.is_empty());
        gateway.stop().await;
    }
}

fn root() -> TokenSpec {
    let scopes = ["api", "sudo"].map(str::to_owned).into();
    TokenSpec { admin: true, user_id: 1, scopes, ..TokenSpec::default() }
}

/// It makes the token all the same, after nobody waits for it any more; and of another user it does not
/// say in time whether they are an administrator.
pub(crate) async fn a_token_that_comes_too_late_is_swept(database: Database) {
    let gitlab = gitlab();
    gitlab.add_user(UserSpec { id: 3, ..UserSpec::default() });
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let late = Fault::LateUnanswered(Duration::from_secs(11));
    gitlab.fault_next_at("POST", TOKENS, 1, late.clone());
    gitlab.fault_next_at("GET", "/users/3", 1, late);
    let (job, other) = (JobSpec::default(), JobSpec { user_id: 3, ..JobSpec::default() });
    let answers = tokio::join!(ask(&gateway, &gitlab, &job), ask(&gateway, &gitlab, &other));
    for answer in <[Answer; 2]>::from(answers) {
        assert_eq!(said(&answer), (504, "gitlab_timeout".to_owned()));
    }
    let made =
        eventually(PATIENCE, async || gitlab.impersonation_tokens(2).into_iter().next()).await;
    revoked(&gitlab, &made.token).await;
    assert!(gitlab.impersonation_tokens(3).is_empty(), "no answer, no token");
    assert!(gateway.revocations("").await.is_empty());
    gateway.stop().await;
}

fn moment(text: &serde_json::Value) -> OffsetDateTime {
    OffsetDateTime::parse(text.as_str().unwrap(), &Rfc3339).unwrap()
}

pub(crate) async fn one_that_is_away_at_the_deadline_is_asked_again(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "revoke_seconds = 1")).await;
    // Nothing is revoked from the beginning: it may be due as soon as it is given.
    gitlab.fault_next_of("DELETE", usize::MAX, Fault::DropBefore);
    let token = given(&gateway, &gitlab, &JobSpec::default()).await;
    gitlab.fault_always(Some(Fault::DropBefore));
    let overdue = eventually(PATIENCE, async || {
        let row = gateway.revocations("?state=pending").await.pop()?;
        (row["attempts"].as_u64() >= Some(2)).then_some(row)
    })
    .await;
    assert!(moment(&overdue["due_at"]) < SystemClock.now(), "{overdue}");
    assert_eq!(gitlab.state(&token), Some(TokenState::Active));
    gitlab.fault_always(None);
    gitlab.forget_faults();
    revoked(&gitlab, &token).await;
    let ended = gateway.ended().await;
    assert_eq!((&ended["state"], &ended["due_at"]), (&"revoked".into(), &overdue["due_at"]));
    gateway.stop().await;
}
