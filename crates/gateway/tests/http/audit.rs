//! What the audit log holds of calls.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_gateway::serve::{admin_routes, public_routes};
use portcullis_test_support::execute;
use portcullis_web::{Access, Audit};
use reqwest::Method;
use serde_json::{Value, json};

use crate::abuse::flood::Spawned;
use crate::support::broker::{broker_toml, gitlab};
use crate::support::{
    ADMIN, Database, PAT_TYPE, PATIENCE, TestGateway, eventually, in_future, send,
};

const HOLD: &str =
    "[revocation.modes]\ngitleaks_rule_id_gitpod_personal_access_token = \"approve\"\n";

fn of<'a>(entries: &'a [Value], event: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["event"] == event).collect()
}

pub(crate) async fn every_change_has_its_entry_when_it_is_answered(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let pat = gateway.mint().await;
    let path = format!("/{}", pat.id);
    for (method, below, body, event) in [
        (Method::PATCH, "", Some(json!({ "name": "other" })), "pat.change"),
        (
            Method::POST,
            "/regenerate",
            Some(json!({ "expires_at": in_future(Duration::from_hours(1)) })),
            "pat.regenerate",
        ),
        (Method::DELETE, "", None, "pat.revoke"),
    ] {
        let answer = gateway.pats(method, &format!("{path}{below}"), body).await;
        assert!(answer.status < 300, "{event}: {answer:?}");
        let entries = gateway.audited().await;
        let [entry] = of(&entries, event)[..] else { panic!("{event}: {entries:?}") };
        assert_eq!(entry["touched"]["pat"], pat.id);
        assert_eq!(entry["by"], json!({ "method": "admin_token", "name": "admin_tokens[0]" }));
        assert_eq!((&entry["outcome"], &entry["address"]), (&"done".into(), &"127.0.0.1".into()));
        assert_eq!(entry["status"], answer.status);
        assert_eq!(entry["request_id"], answer.header("x-request-id").unwrap());
    }
    let leaked = gateway.mint().await;
    let items = json!([{ "type": PAT_TYPE, "token": leaked.token, "location": "https://a.example/secret-place" },
        { "type": "nobody_knows_it", "token": "x" }]);
    assert_eq!(gateway.report(&items).await.status, 400, "one of two is taken");
    let entries = gateway.audited().await;
    let [entry] = of(&entries, "revocation.report")[..] else { panic!("{entries:?}") };
    assert_eq!(entry["by"], json!({ "method": "revocation_client", "name": "gitlab" }));
    assert_eq!(
        (&entry["outcome"], &entry["code"]),
        (&"done".into(), &"some_items_rejected".into())
    );
    assert_eq!(
        (&entry["touched"]["accepted"], &entry["touched"]["rejected"]),
        (&1.into(), &1.into())
    );
    let row = gateway.ended().await;
    let short = &row["fingerprint"].as_str().unwrap()[..8];
    assert_eq!(entry["touched"]["fingerprints"], json!([short]));
    let entries = gateway.audited().await;
    assert!(!entries.iter().any(|entry| entry.to_string().contains("secret-place")));
    let [end] = of(&entries, "revocation.end")[..] else { panic!("{entries:?}") };
    assert_eq!(
        end["ends"],
        json!([{ "provider": "portcullis", "state": "revoked",
        "code": row["code"], "fingerprints": [short] }])
    );
    gateway.stop().await;
}

pub(crate) async fn every_route_that_is_audited_leaves_an_entry(database: Database) {
    let gitlab = gitlab();
    let rest = broker_toml(&gitlab, "") + "[partners.github]\n";
    let gateway = TestGateway::start(&database, &rest).await;
    let mut asked = Vec::new();
    let public = public_routes(&database.load(&rest).config);
    for (table, admin) in [(public, false), (admin_routes(), true)] {
        for route in table {
            let privileged = !matches!(route.access, Access::Public | Access::ForwardAuth);
            assert!(privileged || route.audit == Audit::Nothing, "who changes things is known");
            if !privileged || (route.access == Access::Partner && route.audit == Audit::Nothing) {
                continue;
            }
            let path = route.path.replace("{id}", &"0".repeat(32)).replace("{fingerprint}", "ab");
            let request = if admin {
                gateway.admin_request(route.method.as_str().parse().unwrap(), &path)
            } else {
                gateway.request(route.method.as_str().parse().unwrap(), &path)
            };
            assert!((400..500).contains(&send(request).await.status), "{path}");
            asked.push((format!("{} {}", route.method, route.path), route.audit));
        }
    }
    let entries = eventually(Duration::from_secs(10), async || {
        let entries = gateway.audited().await;
        (of(&entries, "call.refused").len() >= asked.len()).then_some(entries)
    })
    .await;
    for (route, audit) in asked {
        let entry = of(&entries, "call.refused").into_iter().find(|entry| entry["route"] == route);
        let entry = entry.unwrap_or_else(|| panic!("{route} left no entry: {entries:?}"));
        let event = match audit {
            Audit::Entry(event) => Value::from(event),
            Audit::Nothing => Value::Null,
        };
        assert_eq!((&entry["asked"], &entry["count"]), (&event, &1.into()), "{route}");
        assert_eq!(entry["by"], Value::Null);
    }
    gateway.stop().await;
}

pub(crate) async fn a_flood_of_refused_calls_is_a_few_entries(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    for n in 0..200 {
        let request = gateway.admin_request(Method::GET, "/v1/revocations");
        let answer = send(request.bearer_auth(format!("wrong-{n}"))).await;
        assert!([401, 429].contains(&answer.status));
    }
    let log = gateway.audited().await;
    assert!(of(&log, "call.refused").len() <= 2, "{log:?}");
    let rest = database.load("");
    gateway.stop().await;
    // None is lost at a stop in order.
    let entries = crate::support::audit::Log::of(&rest).entries().await.unwrap();
    let refused = of(&entries, "call.refused");
    assert!(refused.len() <= 4, "{refused:?}");
    let count: i64 = refused.iter().map(|entry| entry["count"].as_i64().unwrap()).sum();
    assert_eq!(count, 200);
    assert_eq!(entries.last().unwrap()["event"], "audit.close");
}

pub(crate) async fn without_a_log_nothing_is_changed(database: Database) {
    let gateway = TestGateway::start(&database, HOLD).await;
    let pat = gateway.mint().await;
    execute(&database.url, "ALTER TABLE audit_entries RENAME TO hidden").await;
    // The first one finds out, and its entry waits; the next is turned away before it does anything.
    let body = json!({ "name": "n", "owner": "user:eve", "scopes": [], "expires_at": in_future(Duration::from_hours(1)) });
    assert_eq!(gateway.pats(Method::POST, "", Some(body.clone())).await.code(), "unavailable");
    let turned_away = gateway.pats(Method::DELETE, &format!("/{}", pat.id), None).await;
    assert_eq!((turned_away.status, turned_away.header("retry-after")), (503, Some("5")));
    assert_eq!(gateway.auth(&pat.token).await.status, 200, "it is not revoked");
    let page = send(gateway.admin_request(Method::GET, "/metrics").bearer_auth(ADMIN)).await.text;
    for line in ["portcullis_audit_stuck 1", "portcullis_audit_calls_turned_away_total 1"] {
        assert!(page.lines().any(|one| one == line), "{line}: {page}");
    }
    assert!(!page.contains("portcullis_audit_write_failures_total 0"), "{page}");
    execute(&database.url, "ALTER TABLE hidden RENAME TO audit_entries").await;
    eventually(Duration::from_secs(10), async || {
        let answer = gateway.pats(Method::DELETE, &format!("/{}", pat.id), None).await;
        (answer.status == 204).then_some(())
    })
    .await;
    let entries = gateway.audited().await;
    let events: Vec<&Value> = entries.iter().map(|entry| &entry["event"]).collect();
    assert_eq!(events, ["audit.open", "pat.create", "pat.create", "pat.revoke"], "in their order");
    let page = send(gateway.admin_request(Method::GET, "/metrics").bearer_auth(ADMIN)).await.text;
    for line in ["portcullis_audit_stuck 0", "portcullis_audit_entries_total 4"] {
        assert!(page.lines().any(|one| one == line), "{line}: {page}");
    }
    gateway.stop().await;
}

pub(crate) async fn a_large_report_is_one_entry(database: Database) {
    let gateway = TestGateway::start(&database, HOLD).await;
    let pat = gateway.mint().await.token;
    // A signature of ours is not asked for: these end at once, as no tokens of ours.
    let item = |n| json!({ "type": PAT_TYPE, "token": format!("{}{n:05}", &pat[..pat.len() - 5]) });
    let items: Value = (0..3000).map(item).collect();
    assert_eq!(gateway.report(&items).await.status, 204);
    let entries = gateway.audited().await;
    let [entry] = of(&entries, "revocation.report")[..] else { panic!("{}", entries.len()) };
    assert_eq!(entry["touched"]["accepted"], 3000);
    assert_eq!(entry["touched"]["fingerprints"].as_array().unwrap().len(), 100);
    gateway.stop().await;
}

/// So many before it is killed.
const ANSWERS: usize = 100;

/// Kills the shipped binary while it makes PATs, and asks the same binary what the log says.
pub(crate) async fn killed_under_load_nothing_answered_is_missing(database: Database) {
    let mut answered = Vec::new();
    for _ in 0..2 {
        let gateway = Spawned::start(&database, "");
        let (at, count) = (gateway.address, AtomicUsize::new(0));
        let http = client(&ClientOptions::default()).unwrap();
        let load = (0..4).map(|_| make_until_killed(&http, at, &count));
        let (made, ()) = tokio::join!(futures_util::future::join_all(load), async {
            let enough = async || (count.load(Ordering::Relaxed) >= ANSWERS).then_some(());
            eventually(PATIENCE, enough).await;
            drop(gateway);
        });
        answered.extend(made.into_iter().flatten());
    }
    assert!(answered.len() >= 2 * ANSWERS, "{}", answered.len());
    let file = database.configuration((0, 0), "");
    let (status, told) = portcullis(&file, &["audit", "verify", "--json"]);
    assert_eq!((status, &told["whole"]), (0, &true.into()), "{told}");
    assert_eq!(told["chains"].as_array().unwrap().len(), 2);
    assert!(told["chains"].as_array().unwrap().iter().all(|chain| chain["closed"] == false));
    let rest = database.load("");
    let entries = crate::support::audit::Log::of(&rest).entries().await.unwrap();
    for id in answered {
        assert!(
            of(&entries, "pat.create").iter().any(|entry| entry["touched"]["pat"] == *id),
            "{id}"
        );
    }
}

async fn make_until_killed(
    http: &reqwest::Client,
    at: SocketAddr,
    count: &AtomicUsize,
) -> Vec<String> {
    let mut made = Vec::new();
    let body = json!({ "name": "n", "owner": "user:ann", "scopes": [], "expires_at": in_future(Duration::from_hours(1)) });
    loop {
        let request = http.post(format!("http://{at}/v1/pats")).bearer_auth(ADMIN);
        let Ok(answer) = request.json(&body).send().await else { return made };
        let Ok(pat) = answer.json::<Value>().await else { return made };
        // It may be too busy for one.
        let Some(id) = pat["id"].as_str() else { continue };
        made.push(id.to_owned());
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn portcullis(config: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.args(arguments).arg("--config").arg(config).env_clear().output().unwrap();
    let told = serde_json::from_slice(&output.stdout);
    let told = told.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), told)
}
