//! Tokens that GitLab made and nobody was given, and those that only look like them.

use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{
    FakeGitlab, Fault, JobSpec, ListedImpersonation, TokenKind, TokenSpec, TokenState,
};
use reqwest::Method;

use crate::support::broker::{broker_toml, gitlab, jwt, token};
use crate::support::{Database, TestGateway, eventually, in_future};

/// On Postgres a lease runs for 20 s and the duty of a replica that is gone for 30 s.
const PATIENCE: Duration = Duration::from_mins(2);

const MAKE: &str = "/impersonation_tokens";

/// A job of a user, and what it was answered.
async fn lend(gateway: &TestGateway, gitlab: &FakeGitlab, user_id: u64) -> (u16, String) {
    let jwt = jwt(gitlab, &JobSpec { user_id, ..JobSpec::default() });
    let answer = token(gateway, Method::GET, "", &jwt).await;
    (answer.status, answer.text)
}

fn alive(gitlab: &FakeGitlab, user_id: u64) -> Vec<ListedImpersonation> {
    let mut tokens = gitlab.impersonation_tokens(user_id);
    tokens.retain(|token| token.state == TokenState::Active);
    tokens
}

/// Once as many tokens of a user were made, and none of them lives.
async fn gone(gitlab: &FakeGitlab, user_id: u64, made: usize) {
    eventually(PATIENCE, async || {
        let all = gitlab.impersonation_tokens(user_id).len();
        (all == made && alive(gitlab, user_id).is_empty()).then_some(())
    })
    .await;
}

fn listings(gitlab: &FakeGitlab, user_id: u64) -> usize {
    gitlab.count("GET", &format!("/api/v4/users/{user_id}{MAKE}"))
}

fn users(gitlab: &FakeGitlab, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        gitlab
            .add_token_with(&format!("of-{id}"), TokenSpec { user_id: id, ..TokenSpec::default() });
    }
}

/// GitLab is waited for 10 s, and carries one request out a minute later.
pub(crate) async fn what_is_carried_out_late_is_swept(database: Database) {
    let gitlab = gitlab();
    users(&gitlab, [3]);
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let minute = Fault::LateUnanswered(Duration::from_secs(70));
    gitlab.fault_next_at("POST", "/api/v4/users/2/", 1, minute);
    gitlab.fault_next_at(
        "POST",
        "/api/v4/users/3/",
        1,
        Fault::LateAfterCut(Duration::from_secs(3)),
    );
    let answers = tokio::join!(lend(&gateway, &gitlab, 2), lend(&gateway, &gitlab, 3));
    assert_eq!((answers.0.0, answers.1.0), (504, 502), "{answers:?}");
    tokio::join!(gone(&gitlab, 2, 1), gone(&gitlab, 3, 1));
    assert!(listings(&gitlab, 2) > 3, "it was looked for in vain before");
    assert!(gateway.revocations("").await.is_empty(), "nobody was given anything");
    gateway.stop().await;
}

/// One user's tokens: an orphan on the second page, a twin of one that was lent, one whose intent is
/// forgotten; and everybody else's.
pub(crate) async fn only_orphans_of_this_installation_are_swept(database: Database) {
    let gitlab = gitlab();
    let toml = broker_toml(&gitlab, "revoke_seconds = 600");
    let gateway = TestGateway::start(&database, &toml).await;
    let (status, lent) = lend(&gateway, &gitlab, 2).await;
    assert_eq!(status, 200, "{lent}");
    let name = gitlab.impersonation_tokens(2)[0].name.clone();
    let (start, id) = name.strip_suffix(']').unwrap().rsplit_once(':').unwrap();
    let instance = start.rsplit_once(':').unwrap().1;
    let other = id.replace(|c: char| c.is_ascii_digit(), "0");
    let strangers = [
        "no marker".to_owned(),
        format!("x [portcullis:0123456789abcdef:{id}]"),
        format!("x [portcullis:ffffffffffffffff:{other}]"),
        format!("x [portcullis:{instance}:{other}] y"),
        format!("x [portcullis:{instance}:{other}"),
        format!("x[portcullis:{instance}:{other}]"),
    ];
    for number in 0..150 {
        impersonation(&gitlab, &format!("stranger-{number}"), &strangers[number % strangers.len()]);
    }
    impersonation(&gitlab, "the-twin", &name);
    impersonation(&gitlab, "old-orphan", &format!("x [portcullis:{instance}:1{}]", &other[1..]));
    impersonation(&gitlab, "young", &format!("x [portcullis:{instance}:2{}]", &other[1..]));
    // The longest lifetime is ten minutes, and it must be ten minutes older than that.
    gitlab.set_created_at("old-orphan", &before(Duration::from_mins(21)));
    gitlab.set_created_at("young", &before(Duration::from_mins(19)));
    gitlab.fault_next_at("POST", MAKE, 1, Fault::DropAfter);
    assert_eq!(lend(&gateway, &gitlab, 2).await.0, 502);
    let orphan = gitlab.impersonation_tokens(2).pop().unwrap();
    gateway.stop().await;

    let gateway = TestGateway::start(&database, &toml).await;
    for dead in ["the-twin", "old-orphan", &orphan.token] {
        eventually(PATIENCE, async || {
            (gitlab.state(dead) == Some(TokenState::Revoked)).then_some(())
        })
        .await;
    }
    let made = gitlab.impersonation_tokens(2);
    assert_eq!(made.len() - alive(&gitlab, 2).len(), 3, "nobody else's");
    assert_eq!(gitlab.state(&lent), Some(TokenState::Active), "it lives its time");
    assert_eq!(gitlab.state("young"), Some(TokenState::Active), "it may be of a lost database");
    gateway.stop().await;
}

fn impersonation(gitlab: &FakeGitlab, text: &str, name: &str) {
    let kind = TokenKind::Impersonation;
    gitlab.add_token_with(text, TokenSpec { name: name.to_owned(), kind, ..TokenSpec::default() });
}

/// A moment of the past as RFC 3339 has it.
fn before(ago: Duration) -> String {
    use time::format_description::well_known::Rfc3339;
    let now = time::OffsetDateTime::parse(&in_future(Duration::ZERO), &Rfc3339).unwrap();
    (now - ago).format(&Rfc3339).unwrap()
}

/// While GitLab is down it is asked about a few users and not about everybody, and about one of whom it will
/// not speak beside the others.
pub(crate) async fn a_gitlab_in_trouble_is_asked_again(database: Database) {
    let gitlab = gitlab();
    users(&gitlab, 3..15);
    let refusal = Fault::Status { status: 500, retry_after: None };
    gitlab.fault_next_at("GET", "/api/v4/users/3/impersonation_tokens", 10_000, refusal);
    let toml = broker_toml(&gitlab, "");
    let gateway = TestGateway::start(&database, &toml).await;
    for user in 3..15 {
        gitlab.fault_next_at("POST", MAKE, 1, Fault::DropAfter);
        assert_eq!(lend(&gateway, &gitlab, user).await.0, 502);
    }
    gateway.stop().await;
    gitlab.fault_always(Some(Fault::Status { status: 503, retry_after: None }));
    let asked = || (3..15).map(|user| listings(&gitlab, user)).sum::<usize>();
    let before = asked();
    let began = Instant::now();
    let gateway = TestGateway::start(&database, &toml).await;
    eventually(PATIENCE, async || (asked() > before + 4).then_some(())).await;
    assert!(began.elapsed() > Duration::from_secs(4), "four users, and a pause");
    gitlab.fault_always(None);
    tokio::join!(gone(&gitlab, 4, 1), gone(&gitlab, 5, 1));
    assert_eq!(alive(&gitlab, 3).len(), 1, "GitLab does not tell");
    gateway.stop().await;
}

/// A replica has the sweep to do and looks for one token, while another makes one for the same user that
/// GitLab has made and not told of yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_replica_is_making_is_left_alone() {
    let database = Database::postgres().await;
    let gitlab = gitlab();
    let lifetime = Duration::from_secs(5);
    let toml = broker_toml(&gitlab, "revoke_seconds = 5");
    let sweeping = TestGateway::start(&database, &toml).await;
    // It is never made, so it is looked for again and again.
    gitlab.fault_next_at("POST", MAKE, 1, Fault::DropBefore);
    assert_eq!(lend(&sweeping, &gitlab, 2).await.0, 502);
    let making = TestGateway::start(&database, &toml).await;
    let before = listings(&gitlab, 2);
    eventually(PATIENCE, async || (listings(&gitlab, 2) > before + 1).then_some(())).await;

    let slow = Duration::from_secs(8);
    gitlab.fault_next_at("POST", MAKE, 1, Fault::AnsweredLate(slow));
    let looks = listings(&gitlab, 2);
    let began = Instant::now();
    let (status, lent) = lend(&making, &gitlab, 2).await;
    assert_eq!(status, 200, "{lent}");
    assert!(listings(&gitlab, 2) > looks, "it was seen before it was given");
    assert_eq!(gitlab.state(&lent), Some(TokenState::Active));
    gone(&gitlab, 2, 1).await;
    let lived = began.elapsed();
    assert!(lived >= slow + lifetime, "{lived:?}");
    let ended = making.ended().await;
    assert_eq!((ended["state"].as_str(), ended["attempts"].as_u64()), (Some("revoked"), Some(1)));
    sweeping.stop().await;
    making.stop().await;
}
