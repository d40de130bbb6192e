//! Ten thousand findings in one command, twice.

use portcullis_fake_gitlab::{FakeGitlab, TokenState};
use serde_json::{Value, json};

use super::{report, report_file, vulnerability};
use crate::support::{
    Database, GITLAB_TYPE, PAT_TYPE, PATIENCE, TestGateway, eventually, gitlab_toml,
};

const SECRETS: u64 = 2000;

fn token(n: u64) -> String {
    format!("glpat-{n:020}")
}

/// 2,000 tokens at three places each, 1,000 of them once more; 1,000 without a secret, 1,999 that
/// nobody revokes, and a PAT of the gateway.
fn findings(pat: &str) -> Vec<Value> {
    let of = |n: u64, line| vulnerability(GITLAB_TYPE, json!(token(n)), line);
    let everywhere = (1..=3).flat_map(|place| (0..SECRETS).map(move |n| of(n, place * 10_000 + n)));
    let again = (0..1000).map(|n| of(n, 10_000 + n));
    let bare = (0..1000).map(|n| vulnerability(GITLAB_TYPE, Value::Null, n));
    let strange =
        (0..1999).map(|n| vulnerability("gitleaks_rule_id_strange", json!(n.to_string()), n));
    let own = std::iter::once(vulnerability(PAT_TYPE, json!(pat), 1));
    everywhere.chain(again).chain(bare).chain(strange).chain(own).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_findings_are_reported_and_again_change_nothing() {
    let (database, gitlab) = (Database::sqlite().await, FakeGitlab::start());
    (0..SECRETS).for_each(|n| gitlab.add_token(&token(n)));
    let gateway = TestGateway::start(&database, &gitlab_toml(gitlab.url())).await;
    let pat = gateway.mint().await.token;
    let found = findings(&pat);
    assert_eq!(found.len(), 10_000);
    report_file(database.folder(), &found);
    let url = format!("http://{}", gateway.address());
    let told = report(database.folder(), &url, &[]);
    assert_eq!(told.err, "", "no bar where there is no terminal");
    let told = told.good();
    let table = "\
TYPE                                                    FOUND  NO SECRET  NOT OFFERED  REPEATED  SENT  REJECTED
gitleaks_rule_id_gitlab_personal_access_token_routable  8000   1000       0            1000      6000  0
gitleaks_rule_id_gitpod_personal_access_token           1      0          0            0         1     0
gitleaks_rule_id_strange                                1999   0          1999         0         0     0
all                                                     10000  1000       1999         1000      6001  0
";
    assert_eq!(told, table);
    assert_eq!(gateway.auth(&pat).await.status, 401);
    let first = ended(&gateway).await;
    assert!((0..SECRETS).all(|n| gitlab.state(&token(n)) == Some(TokenState::Revoked)));
    let calls = gitlab.requests().len();

    assert_eq!(report(database.folder(), &url, &[]).good(), table, "the same again");
    let second = ended(&gateway).await;
    assert_eq!((first.rows, second.rows), (2001, 2001));
    assert_eq!((first.sightings, second.sightings), (6001, 12_002));
    assert_eq!(gitlab.requests().len(), calls, "nobody is asked to revoke what is revoked");
    gateway.stop().await;
}

struct Ended {
    rows: usize,
    sightings: u64,
}

/// All rows, once all are revoked.
async fn ended(gateway: &TestGateway) -> Ended {
    let rows = eventually(PATIENCE * 4, async || {
        let waiting = gateway.revocations("?state=pending").await;
        waiting.is_empty().then_some(gateway.revocations("").await)
    })
    .await;
    assert!(rows.iter().all(|row| row["state"] == "revoked"), "{rows:?}");
    let sightings = rows.iter().map(|row| row["sightings"].as_u64().unwrap()).sum();
    Ended { rows: rows.len(), sightings }
}
