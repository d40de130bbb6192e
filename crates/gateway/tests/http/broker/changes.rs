//! A configuration that changes while tokens are out.

use portcullis_fake_gitlab::{Fault, JobSpec, TokenState};
use reqwest::Method;

use crate::log;
use crate::support::broker::{ask, broker_toml, gitlab, given, jwt, revoked, said, token};
use crate::support::{Database, PATIENCE, TestGateway, eventually};

/// Numbers of users and tokens mean something else at another GitLab, or nothing.
pub(crate) async fn at_another_gitlab_nothing_is_revoked_in_its_place(database: Database) {
    let (old, new) = (gitlab(), gitlab());
    let others = Database::sqlite().await;
    let other = TestGateway::start(&others, &broker_toml(&new, "revoke_seconds = 600")).await;
    let innocent = given(&other, &new, &JobSpec::default()).await;
    let gateway = TestGateway::start(&database, &broker_toml(&old, "revoke_seconds = 2")).await;
    // Due while the first one runs or not, it is left to the second.
    old.fault_next_of("DELETE", usize::MAX, Fault::DropBefore);
    let lent = given(&gateway, &old, &JobSpec::default()).await;
    gateway.stop().await;
    old.forget_faults();
    let gateway = TestGateway::start(&database, &broker_toml(&new, "")).await;
    let row = eventually(PATIENCE, async || {
        let row = gateway.revocations("").await.remove(0);
        (row["code"] == "other_gitlab").then_some(row)
    })
    .await;
    assert_eq!(row["state"], "pending");
    assert!(row["reason"].as_str().unwrap().contains(old.url()), "{row}");
    assert_eq!(new.state(&innocent), Some(TokenState::Active));
    gateway.stop().await;
    let gateway = TestGateway::start(&database, &broker_toml(&old, "")).await;
    revoked(&old, &lent).await;
    assert_eq!(gateway.ended().await["state"], "revoked");
    gateway.stop().await;
    other.stop().await;
}

pub(crate) async fn while_paused_nothing_is_lent_and_all_is_revoked(database: Database) {
    let gitlab = gitlab();
    let section = broker_toml(&gitlab, "revoke_seconds = 600");
    let gateway = TestGateway::start(&database, &section).await;
    let lent = given(&gateway, &gitlab, &JobSpec::default()).await;
    gateway.stop().await;
    let paused = broker_toml(&gitlab, "paused = true");
    let gateway = TestGateway::start(&database, &paused).await;
    let answer = ask(&gateway, &gitlab, &JobSpec::default()).await;
    assert_eq!(said(&answer), (503, "paused".to_owned()));
    assert_eq!(gitlab.impersonation_tokens(2).len(), 1, "no other was made");
    let back = jwt(&gitlab, &JobSpec::default());
    assert_eq!(token(&gateway, Method::DELETE, "", &back).await.status, 204);
    revoked(&gitlab, &lent).await;
    gateway.stop().await;
}

pub(crate) async fn a_start_that_forgets_what_was_lent_is_told(database: Database) {
    const TOLD: &str = "lent tokens are still to be revoked";
    let gitlab = gitlab();
    let section = broker_toml(&gitlab, "revoke_seconds = 600");
    let gateway = TestGateway::start(&database, &section).await;
    let before = log::lines_with(TOLD);
    given(&gateway, &gitlab, &JobSpec::default()).await;
    gateway.stop().await;
    TestGateway::start(&database, "").await.stop().await;
    assert!(log::lines_with(TOLD) > before);
}
