//! Leaks that an operator reports by hand, at the admin listener.

use portcullis_fake_gitlab::{FakeGitlab, JobSpec, TokenState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::garbage::MARK;
use crate::partners::sightings;
use crate::support::broker::{broker_toml, gitlab, given};
use crate::support::{
    ADMIN, Answer, Database, GITLAB_TYPE, PAT_TYPE, PATIENCE, REPORTING, TestGateway, eventually,
    gitlab_toml, send,
};

async fn report(gateway: &TestGateway, body: impl Into<reqwest::Body>) -> Answer {
    let request = gateway.admin_request(Method::POST, "/v1/revocations");
    send(request.bearer_auth(ADMIN).body(body)).await
}

fn of(answer: &Answer, member: &str) -> Vec<Value> {
    let all = answer.json()["revocations"].as_array().unwrap().clone();
    all.into_iter().map(|row| row[member].clone()).collect()
}

pub(crate) async fn an_operators_report_is_answered_with_its_rows(database: Database) {
    let gitlab = FakeGitlab::start();
    let (live, held) = ("glpat-0123456789abcdefghij", "gitleaks_rule_id_gitlab-pat");
    gitlab.add_token(live);
    let rest = format!(
        "[revocation.modes]\n{held} = \"approve\"\n{}types = [\"{GITLAB_TYPE}\", \"{held}\"]\n",
        gitlab_toml(gitlab.url())
    );
    let gateway = TestGateway::start(&database, &rest).await;
    let pat = gateway.mint().await.token;
    assert_eq!(gateway.auth(&pat).await.status, 200);
    let waits = format!("glpat-{MARK}00000000");
    let items = json!([
        { "type": "whatever", "token": pat, "location": "a pastebin" },
        { "type": GITLAB_TYPE, "token": live, "location": null },
        { "type": GITLAB_TYPE, "token": null },
        { "type": held, "token": waits },
        { "type": held, "token": waits, "location": "twice" },
        { "type": GITLAB_TYPE, "token": format!("{MARK} does not fit") },
    ]);
    let answer = report(&gateway, items.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(gateway.auth(&pat).await.status, 401, "at once");
    assert_eq!(of(&answer, "index"), [0, 1, 3, 4, 5]);
    assert_eq!(of(&answer, "type"), [PAT_TYPE, GITLAB_TYPE, held, held, GITLAB_TYPE]);
    let states = of(&answer, "state");
    assert_eq!(
        (&states[2], &states[3], &states[4]),
        (&json!("held"), &json!("held"), &json!("refused"))
    );
    assert!(
        states[..2].iter().all(|state| ["pending", "revoked"].map(Value::from).contains(state))
    );
    assert_eq!(of(&answer, "code")[4], "format");
    let said = answer.json();
    assert_eq!((&said["rejected"], &said["skipped"]), (&json!([]), &json!(1)));
    assert!(![pat.as_str(), live, MARK].iter().any(|secret| answer.text.contains(secret)));
    eventually(PATIENCE, async || {
        let dead = gateway.revocations("?state=revoked").await.len() == 2;
        (dead && gitlab.state(live) == Some(TokenState::Revoked)).then_some(())
    })
    .await;
    let all = gateway.revocations("").await;
    let prints = of(&answer, "fingerprint");
    assert!(all.len() == 4 && all.iter().all(|row| prints.contains(&row["fingerprint"])));
    let row = all.iter().find(|row| row["fingerprint"] == prints[0]).unwrap();
    let seen = [json!("admin"), json!("whatever"), json!("a pastebin")];
    assert_eq!(sightings(&gateway, row).await, [seen]);
    let again = report(&gateway, items.to_string()).await;
    assert_eq!((again.status, of(&again, "fingerprint")), (200, prints));
    assert_eq!(of(&again, "state")[..2], ["revoked", "revoked"]);
    assert_eq!(gateway.revocations("").await.len(), 4);
    gateway.stop().await;
}

pub(crate) async fn what_cannot_be_taken_is_named_and_the_rest_is_taken(database: Database) {
    let gitlab = gitlab();
    let rest = broker_toml(&gitlab, "revoke_seconds = 600\n[revocation_api]\nmax_batch = 1\n");
    let gateway = TestGateway::start(&database, &rest).await;
    let lent = given(&gateway, &gitlab, &JobSpec::default()).await;
    let (one, other) = (gateway.mint().await.token, gateway.mint().await.token);
    let items = json!([
        { "type": "unheard_of", "token": MARK },
        7,
        { "type": "unheard_of", "token": lent },
        { "type": PAT_TYPE, "token": one },
        { "type": PAT_TYPE, "token": "x".repeat(16 * 1024 + 1) },
        { "type": "unheard_of", "token": other },
    ]);
    let answer = report(&gateway, items.to_string()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "some_items_rejected"));
    assert_eq!(of(&answer, "index"), [2, 3, 5]);
    assert_eq!(of(&answer, "type"), ["impersonation_token", PAT_TYPE, PAT_TYPE]);
    let said = answer.json();
    let rejected: Vec<_> = said["rejected"].as_array().unwrap().iter().collect();
    let told: Vec<_> = rejected.iter().map(|one| (&one["index"], &one["code"])).collect();
    assert_eq!(
        told,
        [
            (&json!(0), &json!("unsupported_type")),
            (&json!(1), &json!("invalid_item")),
            (&json!(4), &json!("token_too_long")),
        ]
    );
    for pat in [&one, &other] {
        assert_eq!(gateway.auth(pat).await.status, 401);
    }
    let dead = || gitlab.state(&lent) == Some(TokenState::Revoked);
    eventually(PATIENCE, async || dead().then_some(())).await;
    assert_eq!(gateway.revocations("").await.len(), 3);
    gateway.stop().await;
}

pub(crate) async fn a_body_that_no_operator_means_is_told(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    for body in ["", "null", "{}", MARK, "[", "\u{feff}[]", "\u{0}"] {
        let answer = report(&gateway, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_body"), "{body:?}");
        assert_eq!((of(&answer, "state"), answer.text.contains(MARK)), (vec![], false));
    }
    let pat = gateway.mint().await.token;
    let broken = format!("[{},", json!({ "type": "t", "token": pat }));
    let answer = report(&gateway, broken).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_body"));
    assert_eq!((of(&answer, "index"), gateway.auth(&pat).await.status), (vec![json!(0)], 401));
    let large = format!("[{}]", " ".repeat(1024 * 1024 - 1));
    let answer = report(&gateway, large).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    assert_eq!(report(&gateway, "[]").await.json()["revocations"], json!([]));
    let by_another = gateway.admin_request(Method::POST, "/v1/revocations").bearer_auth(REPORTING);
    assert_eq!(send(by_another.body("[]")).await.status, 401);
    gateway.stop().await;
}
