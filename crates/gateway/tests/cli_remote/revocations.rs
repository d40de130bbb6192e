//! `portcullis revocations …`

use portcullis_fake_gitlab::{FakeGitlab, Fault, JobSpec, TokenSpec};
use reqwest::Method;
use serde_json::{Value, json};

use crate::binary::{Said, portcullis};
use crate::support::broker::{broker_toml, gitlab, jwt, token};
use crate::support::{
    ADMIN, Database, GITLAB_TYPE, PAT_TYPE, TestGateway, eventually, gitlab_toml, send,
};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
const TOKEN: &str = "glpat-0123456789abcdefghij";

fn leak(token: &str, location: &str) -> Value {
    json!({ "type": GITLAB_TYPE, "token": token, "location": location })
}

fn held(gitlab: &FakeGitlab) -> String {
    format!("[revocation.modes]\n{GITLAB_TYPE} = \"approve\"\n{}", gitlab_toml(gitlab.url()))
}

struct Setup {
    database: Database,
    gateway: TestGateway,
}

impl Setup {
    async fn start(rest: &str) -> Self {
        let database = Database::sqlite().await;
        let gateway = TestGateway::start(&database, rest).await;
        Self { database, gateway }
    }

    #[track_caller]
    fn revocations(&self, arguments: &[&str]) -> Said {
        portcullis(&self.gateway, &self.database, &[&["revocations"], arguments].concat())
    }

    async fn report(&self, items: Value) {
        assert_eq!(self.gateway.report(&items).await.status, 204);
    }

    /// The fingerprint of the only row, once it is in `state`.
    async fn the_one(&self, state: &str) -> String {
        eventually(PATIENCE, async || {
            let rows = self.gateway.revocations(&format!("?state={state}")).await;
            Some(rows.first()?["fingerprint"].as_str().unwrap().to_owned())
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn show_tells_which_token_it_was_and_drives_no_terminal() {
    let gitlab = FakeGitlab::start();
    let spec = TokenSpec {
        name: "nightly \u{1b}[2J\u{202e}deploy".into(),
        user_id: 42,
        scopes: vec!["api".into(), "read_user".into()],
        ..TokenSpec::default()
    };
    gitlab.add_token_with(TOKEN, spec);
    let setup = Setup::start(&gitlab_toml(gitlab.url())).await;
    let places = ["https://gitlab.example.com/a", "\u{1b}]0;owned\u{7}here", "\u{9b}31mred"];
    setup.report(places.iter().map(|place| leak(TOKEN, place)).collect()).await;
    let fingerprint = setup.the_one("revoked").await;

    let shown = setup.revocations(&["show", &fingerprint[..8]]).good();
    for line in [
        &*format!("fingerprint  {fingerprint}"),
        "state        revoked",
        "mode         revoke",
        "TOKEN, as gitlab knew it",
        r"  name       nightly \u{1b}[2J\u{202e}deploy",
        "  user       42",
        "  scopes     api read_user",
        "  expires    2027-01-04",
        "ATTEMPTS: 1",
        "SIGHTINGS: 3",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    assert!(shown.contains("  last used  2026-01-06T10:00:00Z ("), "{shown}");
    for location in
        ["  gitlab    https://gitlab.example.com/a", r"\u{1b}]0;owned\u{7}here", r"\u{9b}31m"]
    {
        assert!(shown.contains(location), "{location}: {shown}");
    }

    let path = format!("/v1/revocations/{fingerprint}");
    let api = send(setup.gateway.admin_request(Method::GET, &path).bearer_auth(ADMIN)).await.json();
    let output = setup.revocations(&["show", &fingerprint.to_uppercase(), "--json"]);
    assert!(!output.out.contains(TOKEN));
    assert_eq!(output.json(), api);
    let listed = setup.revocations(&["list"]).good();
    let row = listed.lines().nth(1).unwrap();
    assert!(row.starts_with(&format!("{}     revoked  revoked  20", &fingerprint[..8])), "{row}");
    assert!(row.contains(r"  nightly \u{1b}[2J\u{202e}deploy (user 42)  gitlab_personal"), "{row}");
    setup.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_token_is_told_by_its_owner() {
    let setup = Setup::start("").await;
    let pat = setup.gateway.mint().await;
    setup.report(json!([{ "type": PAT_TYPE, "token": pat.token }])).await;
    let fingerprint = setup.the_one("revoked").await;
    let said = setup.revocations(&["show", &fingerprint]);
    assert!(!said.out.contains(&pat.token));
    let shown = said.good();
    for fact in
        ["  owner      user:ann\n", "  name       a laptop\n", "  last used  never", &pat.id]
    {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }
    setup.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_approved_or_cancelled() {
    let gitlab = FakeGitlab::start();
    let other = "glpat-zyxwvutsrqponmlkjihg";
    gitlab.add_tokens([TOKEN, other]);
    let setup = Setup::start(&held(&gitlab)).await;
    setup.report(json!([leak(TOKEN, "a")])).await;
    let first = setup.the_one("held").await;
    let approved = setup.revocations(&["approve", &first[..10]]).good();
    assert!(approved.starts_with(&format!("{}  approved, now ", &first[..10])), "{approved}");
    setup.the_one("revoked").await;

    setup.report(json!([leak(other, "b")])).await;
    let second = setup.the_one("held").await;
    let said = setup.revocations(&["cancel", &first, "00000000", &second]);
    assert_eq!(
        (said.code, said.out),
        (1, format!("{second}  taken out of the queue, now cancelled\n"))
    );
    let errors = format!(
        "error: wrong_state: {first}: it is revoked: nothing to cancel\n\
         error: not_found: 00000000: no reported secret has a fingerprint that begins so\n"
    );
    assert_eq!(said.err, errors);
    assert_eq!(gitlab.state(other), Some(portcullis_fake_gitlab::TokenState::Active));

    let said = setup.revocations(&["approve", &second[..8], "--json"]);
    let error = json!({ "code": "wrong_state", "text": "it is cancelled: nothing to approve" });
    let result =
        json!({ "fingerprint": second[..8], "whole": second, "ok": false, "error": error });
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document, json!({ "results": [result] }));
    setup.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_tried_again() {
    let gitlab = FakeGitlab::start();
    gitlab.add_token(TOKEN);
    gitlab.fault_always(Some(Fault::Status { status: 503, retry_after: None }));
    let pace = "[revocation]\ngive_up_after = \"1s\"\nretry_base = \"100ms\"\nretry_cap = \"100ms\"\n\
                poll_interval = \"100ms\"\n";
    let setup = Setup::start(&format!("{pace}{}", gitlab_toml(gitlab.url()))).await;
    setup.report(json!([leak(TOKEN, "a")])).await;
    let fingerprint = setup.the_one("failed").await;
    let listed = setup.revocations(&["list", "--state", "failed"]).good();
    assert!(listed.contains(&format!("{}     failed  server  ", &fingerprint[..8])), "{listed}");
    gitlab.fault_always(None);
    let retried = setup.revocations(&["retry", &fingerprint[..9], "--json"]).json();
    let result = &retried["results"][0];
    assert_eq!((&result["ok"], &result["fingerprint"]), (&json!(true), &json!(fingerprint[..9])));
    assert_eq!(result["whole"], json!(fingerprint));
    assert_eq!(result["revocation"]["fingerprint"], json!(fingerprint));
    setup.the_one("revoked").await;
    let shown = setup.revocations(&["show", &fingerprint]).good();
    assert!(shown.contains(" with an outcome, 1 begun in this round\n"), "{shown}");
    assert!(shown.contains("  retry    server\n"), "{shown}");
    setup.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_follows_the_pages() {
    let gitlab = FakeGitlab::start();
    let setup = Setup::start(&held(&gitlab)).await;
    setup.report((0..1100).map(|n| leak(&format!("glpat-{n:020}"), "a")).collect()).await;
    let list = |rest: &[&str]| setup.revocations(&[&["list", "--json"], rest].concat()).json();
    let all = list(&["--limit", "5000"]);
    assert_eq!((all["revocations"].as_array().unwrap().len(), &all["next"]), (1100, &json!(null)));
    let cut = list(&["--limit", "1050", "--state", "held"]);
    assert_eq!(
        cut["revocations"].as_array().unwrap()[..],
        all["revocations"].as_array().unwrap()[..1050]
    );
    let rest = list(&["--after", cut["next"].as_str().unwrap()]);
    assert_eq!(
        rest["revocations"].as_array().unwrap()[..],
        all["revocations"].as_array().unwrap()[1050..]
    );
    assert_eq!(list(&[])["revocations"].as_array().unwrap().len(), 100, "the limit by default");
    let none = setup.revocations(&["list", "--state", "failed"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert_eq!(none.err, "there are no such secrets\n");
    setup.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lent_token_that_is_late_is_seen_and_not_cancelled() {
    let gitlab = gitlab();
    let setup = Setup::start(&broker_toml(&gitlab, "revoke_seconds = 2")).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    assert_eq!(token(&setup.gateway, Method::GET, "", &jwt).await.status, 200);
    let id = gitlab.impersonation_tokens(2)[0].id;
    gitlab.fault_always(Some(Fault::Status { status: 503, retry_after: None }));
    let fingerprint = setup.the_one("pending").await;
    let waiting = setup.revocations(&["list"]).good();
    let begins = format!("{}     pending  -  ", &fingerprint[..8]);
    let called = format!("  token {id} (user 2)  impersonation_token");
    let row = waiting.lines().nth(1).unwrap();
    assert!(row.starts_with(&begins) && row.ends_with(&called), "{waiting}");

    let said = setup.revocations(&["cancel", &fingerprint[..8]]);
    let error = format!(
        "error: lent: {}: a token that was lent must die when it is due, and cannot be cancelled\n",
        &fingerprint[..8]
    );
    assert_eq!((said.code, said.err), (1, error));

    eventually(PATIENCE, async || {
        let row = setup.gateway.revocations("").await.remove(0);
        (row["overdue_seconds"].is_u64() && row["code"] == "server").then_some(())
    })
    .await;
    let listed = setup.revocations(&["list"]).good();
    let row = listed.lines().nth(1).unwrap();
    assert!(row.contains("     pending, overdue ") && row.contains("s  server  "), "{listed}");
    let shown = setup.revocations(&["show", &fingerprint]).good();
    for line in [
        "state         pending, overdue ",
        "provider      impersonation",
        "issued        20",
        "due           20",
        "  user  2",
        &*format!("  id    {id}"),
    ] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}: {shown}");
    }
    let job = "  impersonation  user sample-user, project my-group/my-project, job 302";
    assert!(shown.contains(job), "{shown}");
    gitlab.fault_always(None);
    setup.the_one("revoked").await;
    assert!(!setup.revocations(&["list"]).good().contains("overdue"));
    setup.gateway.stop().await;
}
