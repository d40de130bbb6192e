//! `portcullis audit`: each way to tamper with the log, and what the command says of it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use portcullis_base::{Clock, SystemClock, SystemRandomness};
use portcullis_gateway::audit::begin;
use portcullis_store::audit::{AuditKey, Batch, HEADS, Told};
use portcullis_store::{ConnectOptions, Store};
use portcullis_test_support::execute;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, Database, TestGateway, send};

/// The log of a gateway that made four PATs and was stopped: chain 1, entries 0 to 5.
struct Tampered {
    database: Database,
    config: PathBuf,
}

impl Tampered {
    async fn new(database: Database) -> Self {
        let gateway = TestGateway::start(&database, "").await;
        for _ in 0..4 {
            gateway.mint().await;
        }
        gateway.stop().await;
        let config = database.configuration((0, 0), "");
        execute(&database.url, "CREATE TABLE kept AS SELECT * FROM audit_entries").await;
        Self { database, config }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("audit").args(arguments).arg("--config").arg(&self.config);
        command.current_dir(self.database.folder()).env_clear();
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The status, and what is said to machines.
    fn verify(&self, more: &[&str]) -> (i32, Value) {
        let output = self.run(&[&["verify", "--json"], more].concat());
        let told = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), told.unwrap_or_else(|_| panic!("{output:?}")))
    }

    /// What is found, each as (fault, chain's number, entry, the last of them).
    fn found(&self, more: &[&str]) -> Vec<(String, i64, i64, Value)> {
        let (status, told) = self.verify(more);
        assert_eq!((status, &told["whole"]), (3, &false.into()), "{told}");
        let place = |one: &Value| {
            let (number, seq) = (one["number"].as_i64().unwrap(), one["seq"].as_i64().unwrap());
            (one["fault"].as_str().unwrap().to_owned(), number, seq, one["to"].clone())
        };
        told["defects"].as_array().unwrap().iter().map(place).collect()
    }

    /// In words.
    fn words(&self, more: &[&str]) -> String {
        let output = self.run(&[&["verify"], more].concat());
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Begins the next chain.
    async fn begin(&self) -> (Store, AuditKey) {
        let loaded = self.database.load("");
        let options =
            ConnectOptions { url: loaded.config.database.url.clone(), max_connections: 2 };
        let store = Store::connect(&options).await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let key = begin(&store, &loaded.master_key, &SystemRandomness, &clock, "test").await;
        (store, key.unwrap())
    }

    async fn restore(&self) {
        let all = "DELETE FROM audit_entries; INSERT INTO audit_entries SELECT * FROM kept";
        execute(&self.database.url, all).await;
    }

    fn path(&self, name: &str) -> PathBuf {
        self.database.folder().join(name)
    }

    /// Writes a row behind the last one, with everything right but the key.
    async fn write_with_a_key_of_its_own(&self) {
        let url = self.database.load("").config.database.url.clone();
        let store = Store::connect(&ConnectOptions { url, max_connections: 1 }).await.unwrap();
        let chain = store.audit_chains(0, 1).await.unwrap().remove(0).chain;
        let last = store.audit_entries(&chain, 4, 1).await.unwrap().remove(0);
        store.close().await;
        let (prev, entry) = (last.mac.as_slice().try_into().unwrap(), "{}");
        let id = chain.as_slice().try_into().unwrap();
        let mac = AuditKey::new(&[9; 32]).of_entry(&id, 6, last.at, prev, entry);
        let sqlite = self.database.url.starts_with("sqlite");
        let bytes = |bytes: &[u8]| {
            let digits = hex::encode(bytes);
            if sqlite { format!("x'{digits}'") } else { format!("'\\x{digits}'") }
        };
        let (chain, prev, mac) = (bytes(&chain), bytes(prev), bytes(&mac));
        let sql = format!(
            "INSERT INTO audit_entries VALUES ({chain}, 6, {}, '{entry}', {prev}, {mac})",
            last.at
        );
        execute(&self.database.url, sql.leak()).await;
    }
}

pub(crate) async fn each_tampering_is_told_with_its_place(database: Database) {
    let log = Tampered::new(database).await;
    let head = log.run(&["head", "--out", "head.json"]);
    assert!(head.status.success(), "{head:?}");
    let kept = fs::read(log.path("head.json")).unwrap();
    let again = log.run(&["head", "--out", "head.json"]);
    assert_eq!(again.status.code(), Some(1), "an older head says more");
    assert_eq!(fs::read(log.path("head.json")).unwrap(), kept);
    assert_eq!(log.verify(&["--head", "head.json"]).0, 0);
    let url = log.database.url.clone();

    let edit = "DELETE FROM audit_entries WHERE seq = 2; INSERT INTO audit_entries
        SELECT chain, seq, at, replace(entry, 'pat.create', 'pat.change'), prev, mac FROM kept WHERE seq = 2";
    execute(&url, edit).await;
    assert_eq!(log.found(&[]), [("edited".into(), 1, 2, Value::Null)]);
    let words = log.words(&[]);
    assert!(words.contains("chain 1, entry 2 (2") && words.contains("edited"), "{words}");
    log.restore().await;

    execute(&url, "DELETE FROM audit_entries WHERE seq IN (2, 3)").await;
    assert_eq!(log.found(&[]), [("missing".into(), 1, 2, 3.into())]);
    let words = log.words(&[]);
    assert!(words.contains("chain 1, entry 2") && words.contains("up to entry 3"), "{words}");
    log.restore().await;

    log.write_with_a_key_of_its_own().await;
    assert_eq!(log.found(&[]), [("foreign".into(), 1, 6, Value::Null)]);
    log.restore().await;

    execute(&url, "DELETE FROM audit_entries WHERE seq > 3").await;
    let (status, told) = log.verify(&[]);
    assert_eq!((status, &told["chains"][0]["closed"]), (0, &false.into()), "it is named: {told}");
    assert_eq!(log.found(&["--head", "head.json"]), [("cut".into(), 1, 4, 5.into())]);
    let words = log.words(&["--head", "head.json"]);
    assert!(words.contains("chain 1, entry 4: cut off"), "{words}");
    log.restore().await;
    assert_eq!(log.verify(&["--head", "head.json"]).0, 0, "nothing of it was left");
}

pub(crate) async fn a_head_is_taken_as_it_was_made(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    gateway.mint().await;
    let request = gateway.admin_request(Method::GET, "/v1/audit/head").bearer_auth(ADMIN);
    let head = send(request).await;
    gateway.stop().await;
    let log = Tampered::new(database).await;
    fs::write(log.path("served.json"), &head.text).unwrap();
    assert_eq!(log.verify(&["--head", "served.json"]).0, 0, "{head:?}");
    execute(&log.database.url, "DELETE FROM audit_entries WHERE seq >= 1").await;
    let (_, told) = log.verify(&["--head", "served.json"]);
    assert_eq!(
        (&told["defects"][0]["fault"], &told["defects"][0]["seq"]),
        (&json!("cut"), &json!(1))
    );
    let shorter = head.text.replace("\"seq\":1", "\"seq\":0");
    assert_ne!(shorter, head.text);
    for (text, said) in [(shorter.as_str(), "was changed"), ("{}", "is not a head")] {
        fs::write(log.path("bad.json"), text).unwrap();
        let output = log.run(&["verify", "--head", "bad.json"]);
        assert_eq!(output.status.code(), Some(1), "nobody can tell");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains("bad.json") && words.contains(said), "{words}");
    }
}

/// Somebody writes behind the last entry of the log, and takes it away when the head was made.
pub(crate) async fn no_head_is_made_of_an_end_that_is_not_ours(database: Database) {
    let log = Tampered::new(database).await;
    let rows = "INSERT INTO audit_entries SELECT chain, 1000000000000, 0, '{}', prev, prev FROM kept WHERE seq = 5";
    execute(&log.database.url, rows).await;
    for arguments in [&["head"][..], &["head", "--out", "head.json"]] {
        let output = log.run(arguments);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{output:?}");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains("chain 1 of the audit log") && words.contains("verify"), "{words}");
    }
    assert!(!log.path("head.json").exists());
    // Whoever begins meanwhile knows of it for ever.
    log.begin().await.0.close().await;
    execute(&log.database.url, "DELETE FROM audit_entries WHERE seq > 1000").await;
    let (status, told) = log.verify(&[]);
    let fault = &told["defects"][0];
    assert_eq!((status, &told["defects_total"], &fault["to"]), (3, &1.into(), &1.into()), "{told}");
    assert_eq!((&fault["fault"], &fault["number"]), (&"hidden".into(), &1.into()));
    let words = log.words(&[]);
    assert!(words.contains("NOT WHOLE: 1 defect"), "{words}");
}

pub(crate) async fn no_head_is_served_of_an_end_that_is_not_ours(database: Database) {
    TestGateway::start(&database, "").await.stop().await;
    let gateway = TestGateway::start(&database, "").await;
    let head = async || {
        send(gateway.admin_request(Method::GET, "/v1/audit/head").bearer_auth(ADMIN)).await
    };
    let row = "INSERT INTO audit_entries SELECT chain, 1000000000000, 0, '{}', mac, mac FROM audit_entries
        WHERE seq = 0 AND chain = (SELECT chain FROM audit_chains WHERE number = 1)";
    execute(&database.url, row).await;
    let answer = head().await;
    assert_eq!((answer.status, answer.text.contains("\"mac\"")), (500, false), "{answer:?}");
    execute(&database.url, "DELETE FROM audit_entries WHERE seq > 1000").await;
    assert_eq!(head().await.status, 200);
    gateway.stop().await;
}

pub(crate) async fn an_export_is_proven_by_itself(database: Database) {
    let log = Tampered::new(database).await;
    let export = |more: &[&str]| {
        let output = log.run(&[&["export"], more].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let check = |text: &str| {
        fs::write(log.path("export.jsonl"), text).unwrap();
        log.verify(&["--file", "export.jsonl"])
    };
    let whole = export(&[]);
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(lines.len(), 9, "a beginning, a chain, six entries, an end: {whole}");
    assert!(lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{whole}");
    let (status, told) = check(&whole);
    assert_eq!((status, &told["entries"]), (0, &6.into()), "{told}");
    // The database is asked for its key alone.
    execute(&log.database.url, "DELETE FROM audit_entries WHERE seq > 0").await;
    assert_eq!(check(&whole).0, 0);
    log.restore().await;

    let faults = |text: &str| {
        let (status, told) = check(text);
        assert_eq!(status, 3, "{told}");
        let faults = told["defects"].as_array().unwrap().iter();
        faults.map(|one| one["fault"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let without = |at: usize| {
        let kept = lines.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, line)| *line);
        kept.collect::<Vec<_>>().join("\n") + "\n"
    };
    assert_eq!(
        faults(&whole.replacen("pat.create", "pat.change", 1)),
        ["edited", "export_changed"]
    );
    assert_eq!(faults(&without(4)), ["missing", "export_changed"]);
    assert_eq!(faults(&without(7)), ["export_changed"], "the last entry");
    assert_eq!(faults(&without(8)), ["export_changed"], "the end");
    assert_eq!(faults(&(whole.clone() + "{}\n")), ["export_changed"], "more than there was");
    let last = "{\"number\":9223372036854775807,\"chain\":\"00\",\"checkpoint\":null}\n{\"lines\"";
    let found = ["no_chain", "unregistered", "export_changed"];
    assert_eq!(faults(&whole.replacen("{\"lines\"", last, 1)), found, "a chain of any number");
    assert_eq!(log.run(&["verify", "--file", "nowhere"]).status.code(), Some(1));

    // Of a part the rest is not missing, and what is taken out of it is.
    let moment =
        serde_json::from_str::<Value>(lines[4]).unwrap()["at"].as_str().unwrap().to_owned();
    let part = export(&["--since", &moment]);
    assert!(part.lines().count() < 9 && check(&part).0 == 0, "{part}");
    let third = part.lines().nth(2).unwrap();
    assert_eq!(faults(&part.replace(&format!("{third}\n"), "")), ["export_changed"]);
    let never = log.run(&["export", "--since", "yesterday"]);
    assert_eq!(never.status.code(), Some(2), "{never:?}");
}

/// Whoever reads it takes his time, and everything goes on meanwhile.
pub(crate) async fn an_export_is_of_one_moment(database: Database) {
    let log = Tampered::new(database).await;
    let (store, key) = log.begin().await;
    let told = |n: i64| Told { at: 1000 + n, entry: format!("{{\"event\":\"test\",\"n\":{n}}}") };
    store.record(&mut Batch::new((0..2500).map(told).collect())).await.unwrap();
    let mut command = log.command(&["export"]);
    let mut export = command.stdout(Stdio::piped()).spawn().unwrap();
    // More than a pipe and what is read at a time can hold: it waits for us amid the second chain.
    let mut output = BufReader::new(export.stdout.take().unwrap());
    let mut text = String::new();
    output.read_line(&mut text).unwrap();
    store.record(&mut Batch::new(vec![told(3000)])).await.unwrap();
    store.witness(HEADS).await.unwrap();
    assert!(store.retain_audit(&key, i64::MAX).await.unwrap().removed > 2500);
    store.close().await;
    log.begin().await.0.close().await;
    output.read_to_string(&mut text).unwrap();
    assert!(export.wait().unwrap().success());
    fs::write(log.path("export.jsonl"), &text).unwrap();
    let (status, told) = log.verify(&["--file", "export.jsonl"]);
    assert_eq!((status, &told["entries"]), (0, &2507.into()), "{}", told["defects"]);
    assert_eq!(log.verify(&[]).0, 0);
}

/// Whoever has no log to prove hears so.
pub(crate) async fn where_there_is_no_log_nobody_can_tell(database: Database) {
    let config = database.configuration((0, 0), "");
    let url = database.load("").config.database.url.clone();
    Store::connect(&ConnectOptions { url, max_connections: 1 }).await.unwrap().close().await;
    let run = |config: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["audit", "verify", "--config"]).arg(config).env_clear().output().unwrap()
    };
    let output = run(&config);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.starts_with("error: no-audit-log: "), "{words}");
}
