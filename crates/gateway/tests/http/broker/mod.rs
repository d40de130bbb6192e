//! `GET /token` and `DELETE /token`.

pub(crate) mod answers;
pub(crate) mod changes;
pub(crate) mod credentials;
pub(crate) mod ends;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod logs;
pub(crate) mod moved;
pub(crate) mod once;
pub(crate) mod policy;
pub(crate) mod trouble;
pub(crate) mod watch;

use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{JobSpec, TokenState};

use crate::support::broker::{ask, broker_toml, gitlab, revoked};
use crate::support::{Database, TestGateway};

/// Who looks later than that sees nothing of it alive.
const LIFE: Duration = Duration::from_secs(2);

pub(crate) async fn a_job_is_given_a_token_that_dies(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "revoke_seconds = 2")).await;
    let asked = Instant::now();
    let answer = ask(&gateway, &gitlab, &JobSpec::default()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let state = gitlab.state(&answer.text);
    assert!(state == Some(TokenState::Active) || asked.elapsed() >= LIFE, "{state:?}");
    let rows = gateway.revocations("").await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0]["state"] == "pending" || asked.elapsed() >= LIFE, "{rows:?}");
    revoked(&gitlab, &answer.text).await;
    assert_eq!(gateway.ended().await["state"], "revoked");
    gateway.stop().await;
}
