//! One leak through each of the five ways in: dead at once, whatever it is taken for. The worker looks by itself
//! every ten minutes only, so that nothing waits for that.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{FakeGitlab, JobSpec, TokenState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::partners::{GITHUB, GITLAB, Programme, sightings};
use crate::resign::World;
use crate::support::broker::{broker_toml, gitlab, given};
use crate::support::{ADMIN, Database, PAT_TYPE, REPORTING, TestGateway, eventually, send};

const POLL: &str = "[revocation]\npoll_interval = \"10m\"\n";
const BEFORE_THE_POLL: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);
/// What a scanner says that knows no better.
const UNOFFERED: &str = "gitleaks_rule_id_generic-api-key";
const LOCATION: &str = "https://x.example/a";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Hook,
    Github,
    Gitlab,
    Command,
    Operator,
}

impl Way {
    const ALL: [Self; 5] = [Self::Hook, Self::Github, Self::Gitlab, Self::Command, Self::Operator];

    /// Who reported, as it is remembered.
    fn reporter(self) -> &'static str {
        match self {
            Self::Hook | Self::Command => "gitlab",
            Self::Github => "github",
            Self::Gitlab => "gitlab-partner",
            Self::Operator => "admin",
        }
    }
}

/// A gateway that all five lead to.
struct Ways<'a> {
    folder: &'a Path,
    programme: &'a Programme,
    gateway: &'a TestGateway,
    quickest: Cell<Duration>,
}

impl<'a> Ways<'a> {
    fn new(database: &'a Database, programme: &'a Programme, gateway: &'a TestGateway) -> Self {
        Self { folder: database.folder(), programme, gateway, quickest: Cell::new(Duration::MAX) }
    }

    /// Comes back with the answer, which is a good one.
    async fn report(&self, way: Way, token_type: &str, token: &str) {
        let (type_, gateway) = (token_type, self.gateway);
        let located = json!([{ "type": type_, "token": token, "location": LOCATION }]);
        let found = json!([{ "type": type_, "token": token, "url": LOCATION }]);
        let status = match way {
            Way::Hook => gateway.report(&located).await.status,
            Way::Github => self.programme.report(gateway, GITHUB, &found).await.status,
            Way::Gitlab => self.programme.report(gateway, GITLAB, &found).await.status,
            Way::Command => return self.command(type_, token),
            Way::Operator => {
                let request = gateway.admin_request(Method::POST, "/v1/revocations");
                send(request.bearer_auth(ADMIN).body(located.to_string())).await.status
            }
        };
        let told = matches!(way, Way::Github | Way::Operator);
        assert_eq!(status, if told { 200 } else { 204 }, "{way:?}");
    }

    /// By the real binary, as gitleaks tells of it.
    fn command(&self, token_type: &str, token: &str) {
        let rule = token_type.trim_start_matches("gitleaks_rule_id_");
        let leaks = json!([{ "RuleID": rule, "Secret": token, "File": LOCATION }]);
        let folder = self.folder;
        fs::write(folder.join("leaks.json"), leaks.to_string()).unwrap();
        let token_file = folder.join("client-token");
        fs::write(&token_file, REPORTING).unwrap();
        fs::set_permissions(&token_file, Permissions::from_mode(0o600)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["report", "leaks.json", "--token-file", "client-token", "--url"]);
        command.arg(format!("http://{}", self.gateway.address()));
        let output = command.current_dir(folder).env_clear().output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!told.contains(token), "{told}");
    }

    /// The newest row, once it has ended so; it was just reported.
    async fn ended(&self, state: &str) -> Value {
        let reported = Instant::now();
        let row = eventually(BEFORE_THE_POLL, async || {
            let row = self.gateway.revocations("").await.pop()?;
            (row["state"] == state).then_some(row)
        })
        .await;
        self.quickest.set(self.quickest.get().min(reported.elapsed()));
        row
    }

    /// A busy machine takes its time now and then, and not each time.
    fn assert_a_second_is_enough(&self) {
        assert!(self.quickest.get() < SECOND, "{:?}", self.quickest);
    }

    async fn reporters(&self, row: &Value) -> Vec<Value> {
        sightings(self.gateway, row).await.into_iter().map(|[reporter, ..]| reporter).collect()
    }
}

/// A broker for that GitLab, and both programmes.
async fn start(database: &Database, gitlab: &FakeGitlab, programme: &Programme) -> TestGateway {
    let rest = format!("revoke_seconds = 600\n{POLL}{}", programme.toml(""));
    TestGateway::start(database, &broker_toml(gitlab, &rest)).await
}

pub(crate) async fn a_leaked_pat_dies_by_each(database: Database) {
    let (gitlab, programme) = (gitlab(), Programme::start());
    let gateway = start(&database, &gitlab, &programme).await;
    let ways = Ways::new(&database, &programme, &gateway);
    let bystander = gateway.mint().await.token;
    for token_type in [PAT_TYPE, UNOFFERED] {
        for way in Way::ALL {
            let pat = gateway.mint().await.token;
            assert_eq!(gateway.auth(&pat).await.status, 200, "and is remembered");
            ways.report(way, token_type, &pat).await;
            assert_eq!(gateway.auth(&pat).await.status, 401, "{way:?}, {token_type}");
            let row = ways.ended("revoked").await;
            assert_eq!((&row["type"], &row["provider"]), (&json!(PAT_TYPE), &json!("portcullis")));
            assert_eq!(ways.reporters(&row).await, [way.reporter()], "{way:?}");
        }
    }
    ways.assert_a_second_is_enough();
    assert_eq!(gateway.revocations("").await.len(), 2 * Way::ALL.len(), "one row each");
    assert_eq!(gateway.auth(&bystander).await.status, 200, "what did not leak lives");
    gateway.stop().await;
}

pub(crate) async fn a_lent_token_dies_by_each(database: Database) {
    let (gitlab, programme) = (gitlab(), Programme::start());
    let gateway = start(&database, &gitlab, &programme).await;
    let ways = Ways::new(&database, &programme, &gateway);
    let lend = async || given(&gateway, &gitlab, &JobSpec::default()).await;
    let bystander = lend().await;
    for way in Way::ALL {
        let lent = lend().await;
        assert_eq!(gitlab.state(&lent), Some(TokenState::Active), "{way:?}");
        ways.report(way, UNOFFERED, &lent).await;
        let row = ways.ended("revoked").await;
        assert_eq!(gitlab.state(&lent), Some(TokenState::Revoked), "{way:?}");
        assert_eq!(row["provider"], "impersonation", "{way:?}");
        let all = ways.reporters(&row).await;
        assert_eq!(all, ["impersonation", way.reporter()], "{way:?}");
    }
    ways.assert_a_second_is_enough();
    assert_eq!(gitlab.state(&bystander), Some(TokenState::Active), "what did not leak lives");
    gateway.stop().await;
}

pub(crate) async fn what_a_resigned_token_was_made_of_brings_no_more_by_each(database: Database) {
    let programme = Programme::start();
    let rest = format!(
        "issuer = \"https://oidc.example.com\"\ntoken_id = true\n{POLL}{}",
        programme.toml("")
    );
    let world = World::start(&database, &rest).await;
    let ways = Ways::new(&database, &programme, &world.gateway);
    let other = world.token(json!({ "jti": "of another job" }));
    for way in Way::ALL {
        let theirs = world.token(json!({ "jti": format!("{way:?}") }));
        let resigned = world.post(json!({ "token": theirs })).await;
        assert_eq!(resigned.status, 200, "{way:?}: {resigned:?}");
        ways.report(way, UNOFFERED, &resigned.text).await;
        let again = world.post(json!({ "token": theirs })).await;
        assert_eq!((again.status, again.code().as_str()), (403, "leaked"), "{way:?}");
        let row = ways.ended("noted").await;
        assert_eq!(row["code"], "resigned", "{way:?}");
        assert_eq!(ways.reporters(&row).await, [way.reporter()], "{way:?}");
    }
    ways.assert_a_second_is_enough();
    assert_eq!(world.post(json!({ "token": other })).await.status, 200);
    world.gateway.stop().await;
}

pub(crate) async fn by_all_of_them_it_is_one_leak(database: Database) {
    let (gitlab, programme) = (gitlab(), Programme::start());
    let gateway = start(&database, &gitlab, &programme).await;
    let ways = Ways::new(&database, &programme, &gateway);
    let pat = gateway.mint().await.token;
    let lent = given(&gateway, &gitlab, &JobSpec::default()).await;
    for way in Way::ALL.into_iter().chain(Way::ALL) {
        for token in [&pat, &lent] {
            ways.report(way, PAT_TYPE, token).await;
        }
        assert_eq!(gateway.auth(&pat).await.status, 401, "{way:?}");
    }
    let rows = eventually(BEFORE_THE_POLL, async || {
        let rows = gateway.revocations("?state=revoked").await;
        (rows.len() == 2).then_some(rows)
    })
    .await;
    assert_eq!(gateway.revocations("").await.len(), 2);
    assert!(rows.iter().all(|row| row["attempts"].as_u64() <= Some(1)), "{rows:?}");
    let deletions = gitlab.requests().into_iter().filter(|one| one.method == "DELETE");
    assert_eq!(deletions.count(), 1, "GitLab is asked once");
    gateway.stop().await;
}
