//! What cannot revoke itself, at a GitLab where an administrator's token can.

use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenKind, TokenSpec, TokenState};
use portcullis_store::ledger::Revocation;

use crate::support::{ADMIN, DEPLOY, Database, FEED, SHORT, Setup, TYPE, options, token};

const SELF: &str = "/api/v4/personal_access_tokens/self";
const OTHERS: &str = "/api/v4/admin/token";

on_both_databases![
    an_impersonation_token_is_revoked_by_the_administrator,
    a_token_that_only_sleeps_is_no_dead_one,
    tokens_that_cannot_speak_go_straight_to_the_administrator,
    where_administrators_may_not_revoke_the_reason_says_so,
    a_refused_administrator_is_tried_again_and_ends_nothing,
    a_deletion_whose_answer_was_lost_counts_as_ours,
    without_an_administrator_nothing_of_it_is_asked,
    a_sleeping_token_is_never_taken_for_dead,
    of_a_type_of_ones_own_the_administrator_is_asked,
    the_feed_of_a_path_is_told_as_what_it_is,
    a_reported_admin_token_dies_and_is_named,
];

fn of(kind: TokenKind) -> TokenSpec {
    TokenSpec { kind, name: "bot".into(), ..TokenSpec::default() }
}

fn deploy(n: usize) -> String {
    format!("gldt-{n:020}")
}

fn end(row: &Revocation) -> (&str, &str, bool) {
    (&row.state, row.code.as_deref().unwrap_or_default(), row.confirmed)
}

/// Who was heard of at each path.
fn tell_apart(gitlab: &FakeGitlab, leaked: &str) {
    for request in gitlab.requests() {
        let expected = if request.path == OTHERS { ADMIN } else { leaked };
        assert_eq!(request.private_token.as_deref(), Some(expected), "{}", request.path);
    }
}

async fn an_impersonation_token_is_revoked_by_the_administrator(db: Database) {
    let setup = Setup::administered(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token_with(&leaked, of(TokenKind::Impersonation));
    setup.report(&[&leaked]).await;
    let row = setup.end_of(&leaked).await;
    assert_eq!(end(&row), ("revoked", "revoked", false));
    assert_eq!(row.reason.as_deref(), Some("fake: by its admin_token"));
    assert!(row.about.unwrap().contains(r#""name":"bot""#));
    assert_eq!(setup.gitlab().state(&leaked), Some(TokenState::Revoked));
    assert_eq!(setup.gitlab().state(ADMIN), Some(TokenState::Active));
    let count = |method, path| setup.gitlab().count(method, path);
    assert_eq!((count("GET", SELF), count("DELETE", SELF)), (1, 1), "it was asked itself first");
    assert_eq!((count("POST", OTHERS), count("DELETE", OTHERS)), (1, 1));
    tell_apart(setup.gitlab(), &leaked);
    // The same of a token whose owner is blocked.
    let blocked = token(2);
    let state = TokenState::Blocked;
    setup.gitlab().add_token_with(&blocked, TokenSpec { state, ..TokenSpec::default() });
    setup.report(&[&blocked]).await;
    assert_eq!(end(&setup.end_of(&blocked).await), ("revoked", "revoked", false));
}

async fn a_token_that_only_sleeps_is_no_dead_one(db: Database) {
    let setup = Setup::administered(&db).await;
    setup.gitlab().allow_impersonation(false);
    let leaked = token(1);
    setup.gitlab().add_token_with(&leaked, of(TokenKind::Impersonation));
    setup.report(&[&leaked]).await;
    assert_eq!(end(&setup.end_of(&leaked).await), ("revoked", "revoked", false));
    setup.gitlab().allow_impersonation(true);
    assert_eq!(setup.gitlab().state(&leaked), Some(TokenState::Revoked));
    // Of a token that GitLab calls dead nobody else is asked.
    let dead = token(2);
    let state = TokenState::Revoked;
    setup.gitlab().add_token_with(&dead, TokenSpec { state, ..TokenSpec::default() });
    setup.report(&[&dead]).await;
    assert_eq!(end(&setup.end_of(&dead).await), ("inactive", "invalid_token", true));
    assert_eq!(setup.gitlab().count("POST", OTHERS), 1);
}

async fn tokens_that_cannot_speak_go_straight_to_the_administrator(db: Database) {
    let setup = Setup::administered(&db).await;
    let dead = TokenSpec { state: TokenState::Revoked, ..of(TokenKind::Deploy) };
    let expired = TokenSpec { state: TokenState::Expired, ..of(TokenKind::Deploy) };
    let foreign = format!("old-{}", deploy(5));
    let feed = format!("glft-{}", "a1".repeat(10));
    for (token_type, leaked, spec, expected) in [
        (DEPLOY, deploy(1), Some(of(TokenKind::Deploy)), ("revoked", "revoked", false)),
        (FEED, feed, Some(of(TokenKind::Feed)), ("revoked", "revoked", false)),
        (DEPLOY, deploy(2), Some(dead), ("inactive", "inactive", true)),
        (DEPLOY, deploy(3), Some(expired), ("inactive", "inactive", true)),
        (DEPLOY, deploy(4), None, ("inactive", "unknown_token", false)),
        (DEPLOY, foreign, None, ("refused", "unknown_kind", false)),
    ] {
        if let Some(spec) = spec {
            setup.gitlab().add_token_with(&leaked, spec);
        }
        setup.report_as(&[(token_type, &leaked)]).await;
        assert_eq!(end(&setup.end_of(&leaked).await), expected, "{leaked}");
        if expected.0 == "revoked" {
            assert_eq!(setup.gitlab().state(&leaked), Some(TokenState::Revoked));
        }
    }
    assert_eq!(setup.gitlab().count("GET", SELF), 0, "it could not have answered");
    assert_eq!(setup.gitlab().count("DELETE", OTHERS), 2);
}

async fn where_administrators_may_not_revoke_the_reason_says_so(db: Database) {
    let setup = Setup::administered(&db).await;
    setup.gitlab().allow_admin_revocation(false);
    let (leaked, bot) = (token(1), deploy(1));
    setup.gitlab().add_token_with(&leaked, of(TokenKind::Impersonation));
    setup.gitlab().add_token_with(&bot, of(TokenKind::Deploy));
    setup.report_as(&[(TYPE, &leaked), (DEPLOY, &bot)]).await;
    for secret in [&leaked, &bot] {
        let row = setup.end_of(secret).await;
        assert_eq!(end(&row), ("refused", "admin_api_off", false));
        assert!(row.reason.unwrap().ends_with("enable the feature flag api_admin_token_revoke"));
        assert!(row.about.unwrap().contains(r#""name":"bot""#), "it is known which one lives");
        assert_eq!(setup.gitlab().state(secret), Some(TokenState::Active));
    }
    // An old GitLab has no such call at all.
    setup.gitlab().fault_next_of("POST", 1, Fault::Status { status: 404, retry_after: None });
    let old = token(2);
    setup.gitlab().add_token_with(&old, of(TokenKind::Impersonation));
    setup.report(&[&old]).await;
    let row = setup.end_of(&old).await;
    assert_eq!(end(&row), ("refused", "admin_api_missing", false));
    assert!(row.reason.unwrap().contains("it takes version 17.8 or later"));
}

async fn a_refused_administrator_is_tried_again_and_ends_nothing(db: Database) {
    let setup = Setup::administered(&db).await;
    let (leaked, bot, unknown) = (token(1), deploy(1), deploy(2));
    setup.gitlab().add_token_with(&leaked, of(TokenKind::Impersonation));
    setup.gitlab().add_token_with(&bot, of(TokenKind::Deploy));
    setup.gitlab().set_state(ADMIN, TokenState::Revoked);
    // To it as well GitLab says `invalid_token`, of which nothing may follow for the leaked ones.
    setup.gitlab().allow_impersonation(false);
    setup.report_as(&[(TYPE, &leaked), (DEPLOY, &bot), (DEPLOY, &unknown)]).await;
    let all = [&leaked, &bot, &unknown];
    for secret in all {
        let row = setup.once(secret, "admin_token_refused").await;
        assert_eq!(row.state, "pending");
        assert!(row.reason.unwrap().contains("replace it"));
    }
    setup.gitlab().set_state(ADMIN, TokenState::Blocked);
    for secret in all {
        assert_eq!(setup.once(secret, "admin_token_forbidden").await.state, "pending");
    }
    setup.gitlab().set_state(ADMIN, TokenState::Active);
    assert_eq!(end(&setup.end_of(&leaked).await), ("revoked", "revoked", false));
    assert_eq!(end(&setup.end_of(&bot).await), ("revoked", "revoked", false));
    assert_eq!(end(&setup.end_of(&unknown).await), ("inactive", "unknown_token", false));
}

async fn a_deletion_whose_answer_was_lost_counts_as_ours(db: Database) {
    for (n, fault, code, deadline) in [
        (1, Fault::DropAfter, "lost", options().call_timeout),
        (2, Fault::Delay(SHORT * 10), "timeout", SHORT),
    ] {
        let setup = Setup::administered_within(&db, deadline).await;
        setup.gitlab().allow_impersonation(false);
        let (sleeping, bot) = (token(n), deploy(n));
        setup.gitlab().add_token_with(&sleeping, of(TokenKind::Impersonation));
        setup.gitlab().add_token_with(&bot, of(TokenKind::Deploy));
        for (token_type, secret) in [(TYPE, &sleeping), (DEPLOY, &bot)] {
            // The only deletion of either is the administrator's.
            setup.gitlab().fault_next_of("DELETE", 1, fault.clone());
            setup.report_as(&[(token_type, secret)]).await;
            let row = setup.end_of(secret).await;
            assert_eq!(row.state, "revoked", "{fault:?} {row:?}");
            assert_eq!(setup.gitlab().state(secret), Some(TokenState::Revoked));
            let codes = setup.codes(secret).await;
            // A call that is cut short on a machine that stood still may be either.
            assert!([code, "lost"].contains(&codes[0].as_str()), "{codes:?}");
            if fault == Fault::DropAfter {
                assert_eq!(codes, ["lost", "revoked_unheard"], "dead when it was asked again");
            }
        }
        setup.stop().await;
    }
}

async fn without_an_administrator_nothing_of_it_is_asked(db: Database) {
    let setup = Setup::new(&db).await;
    setup.gitlab().allow_admin_revocation(true);
    setup.gitlab().allow_impersonation(false);
    let (leaked, bot) = (token(1), deploy(1));
    setup.gitlab().add_token_with(&leaked, of(TokenKind::Impersonation));
    setup.gitlab().add_token_with(&bot, of(TokenKind::Deploy));
    setup.report_as(&[(TYPE, &leaked), (DEPLOY, &bot)]).await;
    let row = setup.end_of(&leaked).await;
    assert_eq!(end(&row), ("refused", "unusable", false));
    let reason = row.reason.unwrap();
    assert!(reason.ends_with("an admin_token of this GitLab could revoke it"), "{reason}");
    assert_eq!(end(&setup.end_of(&bot).await), ("refused", "no_admin_token", false));
    let paths: Vec<String> = setup.gitlab().requests().into_iter().map(|r| r.path).collect();
    assert_eq!(paths, [SELF]);
}

/// That impersonation is switched off is no evidence of a death, whatever was not heard before.
async fn a_sleeping_token_is_never_taken_for_dead(db: Database) {
    let setup = Setup::patient(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token_with(&leaked, of(TokenKind::Impersonation));
    setup.gitlab().fault_next_of("DELETE", 1, Fault::DropBefore);
    setup.report(&[&leaked]).await;
    setup.gitlab().allow_impersonation(false);
    let row = setup.end_of(&leaked).await;
    assert_eq!((row.state.as_str(), row.confirmed), ("refused", false), "{row:?}");
    assert_eq!(setup.gitlab().state(&leaked), Some(TokenState::Active));
    setup.gitlab().allow_impersonation(true);
    let before = setup.gitlab().requests().len();
    setup.report(&[&leaked]).await;
    setup.end_of(&leaked).await;
    assert!(setup.gitlab().requests().len() > before, "it is tried again when it is reported");
}

async fn of_a_type_of_ones_own_the_administrator_is_asked(db: Database) {
    let setup = Setup::administered(&db).await;
    setup.gitlab().add_token_with("123456", of(TokenKind::Trigger));
    setup.report_as(&[("numbers_only", "123456")]).await;
    assert_eq!(setup.end_of("123456").await.state, "inactive", "no prefix tells what it is");
    assert_eq!(setup.gitlab().count("POST", OTHERS), 1);
}

async fn the_feed_of_a_path_is_told_as_what_it_is(db: Database) {
    let setup = Setup::administered(&db).await;
    let leaked = format!("glft-{}-42", "a1".repeat(32));
    setup.report_as(&[(FEED, &leaked)]).await;
    assert_eq!(end(&setup.end_of(&leaked).await), ("refused", "feed_of_a_path", false));
    assert!(setup.gitlab().requests().is_empty(), "nobody could find it");
}

async fn a_reported_admin_token_dies_and_is_named(db: Database) {
    let setup = Setup::administered(&db).await;
    setup.report(&[ADMIN]).await;
    let row = setup.end_of(ADMIN).await;
    assert_eq!(row.state, "revoked");
    assert!(row.reason.unwrap().contains("it was the admin_token of this GitLab"));
}
