//! `portcullis doctor`: well, and ill in every way that has a name.

use std::fs;

use portcullis_test_support::{free_port, scratch_dir};
use serde_json::{Value, json};

use crate::binary::{Said, private_file, run};
use crate::support::{Database, PAT_TYPE, REPORTING, TestGateway, client_toml, gitlab_toml};
use crate::tls;
use crate::trouble::{canned, canned_in_turn, http};

/// Tries what is at `url` as a client with this token.
fn doctor_as(token: &str, url: &str, more: &[&str]) -> Said {
    let folder = scratch_dir();
    private_file(folder.path(), "token", token);
    let said =
        run(folder.path(), &[&["doctor", "--url", url, "--token-file", "token"], more].concat());
    assert!(!said.out.contains(token) && !said.err.contains(token), "{said:?}");
    said
}

fn doctor(url: &str) -> Said {
    doctor_as(REPORTING, url, &[])
}

fn at(gateway: &TestGateway) -> String {
    format!("http://{}", gateway.address())
}

/// What is told of each check, up to the colon.
fn verdicts(said: &Said) -> Vec<&str> {
    let lines = said.out.lines().take_while(|line| !line.is_empty());
    lines.map(|line| line.split(':').next().unwrap()).collect()
}

const WELL: [&str; 9] = [
    "ok   address",
    "ok   tls",
    "ok   token",
    "ok   wrong token",
    "ok   types",
    "ok   report",
    "ok   same again",
    "ok   garbage",
    "ok   large report",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_well_is_told_what_to_set_in_gitlab() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, &gitlab_toml("https://gitlab.example.com")).await;
    let url = at(&gateway);
    let said = doctor(&url);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert_eq!(verdicts(&said), WELL);
    let settings = format!(
        "ApplicationSetting.current.update!(\n  \
         secret_detection_token_revocation_enabled: true,\n  \
         secret_detection_token_revocation_url: \"{url}/v1/revoke_tokens\",\n  \
         secret_detection_token_revocation_token: File.read(\"/etc/gitlab/portcullis-token\").strip,\n  \
         secret_detection_revocation_token_types_url: \"{url}/v1/revocable_token_types\"\n)\n"
    );
    assert!(said.out.ends_with(&settings), "{}", said.out);
    // All day the same two tokens, however often it is tried; nobody was asked to revoke them.
    assert_eq!(doctor(&url).code, 0);
    let rows = gateway.revocations("").await;
    assert!((2..=4).contains(&rows.len()), "midnight may have passed: {rows:?}");
    for row in &rows {
        assert_eq!(
            (&row["state"], &row["type"]),
            (&json!("simulated"), &json!("portcullis_doctor"))
        );
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_are_told_the_same() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let url = at(&gateway);
    let told = doctor_as(REPORTING, &url, &["--json"]).json();
    assert_eq!(told["ok"], true);
    let checks: Vec<_> =
        told["checks"].as_array().unwrap().iter().map(|check| &check["check"]).collect();
    assert_eq!(checks.len(), WELL.len());
    assert_eq!(told["settings"]["secret_detection_token_revocation_token"], Value::Null);
    let types = told["settings"]["secret_detection_revocation_token_types_url"].as_str().unwrap();
    assert_eq!(types, format!("{url}/v1/revocable_token_types"));
    let warnings = told["warnings"].to_string();
    assert!(warnings.contains("_routable is not offered"), "{warnings}");
    let told = doctor_as("another-token-0123456789012345", &url, &["--json"]);
    let said: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((told.code, &said["ok"], &said["settings"]), (1, &json!(false), &Value::Null));
    let token = &said["checks"][2];
    assert_eq!((&token["check"], &token["code"]), (&json!("token"), &json!("unauthorized")));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_few_types_is_tried_all_the_same() {
    let database = Database::sqlite().await;
    let narrow = client_toml("gitlab", REPORTING, &format!("types = [\"{PAT_TYPE}\"]"));
    let gateway =
        TestGateway::start(&database, &format!("[revocation_api]\nmount = \"/leaks\"\n{narrow}"))
            .await;
    let said = doctor(&format!("{}/leaks/", at(&gateway)));
    assert_eq!((said.code, verdicts(&said)), (0, WELL.to_vec()), "{said:?}");
    assert!(said.out.contains("/leaks/v1/revoke_tokens\""), "{said:?}");
    assert!(said.out.contains("ok   types: 1 type offered"), "the made-up one is not: {said:?}");
    assert!(
        said.err.starts_with("warning: gitleaks_rule_id_gitlab_personal_access_token_routable")
    );
    // Without the mount, and at the other door.
    for url in [at(&gateway), format!("http://{}", gateway.admin_address())] {
        let said = doctor(&url);
        assert_eq!(said.code, 1);
        assert!(said.out.contains("bad  token: there is no /v1/revocable_token_types"), "{said:?}");
        assert!(!said.out.contains("ApplicationSetting"), "{said:?}");
    }
    gateway.stop().await;
}

/// What a shell makes of the line.
fn show_arguments(line: &str) -> Vec<&str> {
    line.split(' ').map(|word| word.trim_matches('\'')).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_takes_too_little_at_once_is_told_so() {
    let database = Database::sqlite().await;
    let small =
        format!("[revocation_api]\nmax_body = \"1MiB\"\n{}", client_toml("gitlab", REPORTING, ""));
    let gateway = TestGateway::start(&database, &small).await;
    let said = doctor(&at(&gateway));
    let told = "\nbad  large report: 8 MiB are too much (the body is longer than 1048576 bytes): GitLab \
                sends all that a pipeline found at once; raise revocation_api.max_body\n";
    assert!(said.code == 1 && said.out.contains(told), "{said:?}");
    assert!(!said.out.contains("ApplicationSetting"), "{said:?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn address_and_token_come_from_the_configuration() {
    let database = Database::sqlite().await;
    let rest = "[impersonation]\ngitlab_url = \"https://example.com/gitlab\"\nadmin_token = \"glpat-0123456789abcdefghij\"\n\
                [impersonation.jwt]\nissuer = \"https://gitlab.example.com\"\naudiences = [\"a\"]\n";
    let gateway = TestGateway::start(&database, "").await;
    // The test's gateway has its ports from the system, so the file names them afterwards.
    let file = database.configuration((gateway.address().port(), 1), rest);
    let ask = |more: &[&str]| {
        run(database.folder(), &[&["doctor", "--config", file.to_str().unwrap()], more].concat())
    };
    let said = ask(&[]);
    assert_eq!((said.code, verdicts(&said)), (0, WELL.to_vec()), "{said:?}");
    let show = format!("secrets show revocation_api_token --config '{}'", file.display());
    let told =
        format!("(from the client gitlab of the configuration: `portcullis {show}` prints it)");
    assert!(said.out.contains(&told), "{said:?}");
    assert_eq!(run(database.folder(), &show_arguments(&show)).good(), format!("{REPORTING}\n"));
    assert!(said.err.contains("https://example.com/gitlab is the GitLab of [impersonation]"));
    let named = format!("{rest}{}", gitlab_toml("https://example.com/gitlab/"));
    database.configuration((gateway.address().port(), 1), &named);
    assert!(!ask(&[]).err.contains("[impersonation]"));
    let two =
        [client_toml("a", REPORTING, ""), client_toml("b", "another-token-0123456789012345", "")];
    database.configuration((gateway.address().port(), 1), &two.concat());
    assert!(ask(&[]).bad().starts_with("error: ambiguous: "));
    database.configuration((0, 1), "");
    assert!(ask(&[]).bad().starts_with("error: url: server.listen leaves the port"));
    let said = ask(&["--url", &at(&gateway)]);
    assert_eq!(said.code, 0, "{said:?}");
    gateway.stop().await;
    let folder = scratch_dir();
    let error = run(folder.path(), &["doctor"]).bad();
    assert!(error.starts_with("error: no-secrets: no client's token: there is no "), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    assert_eq!(run(folder.path(), &["doctor", "--url", "nonsense"]).code, 2);
}

#[test]
fn what_is_no_gateway_is_told_so_and_shown_no_token() {
    let closed = format!("http://127.0.0.1:{}", free_port());
    let said = doctor(&closed);
    assert_eq!((said.code, said.out.lines().count()), (1, 1), "{said:?}");
    assert!(said.out.starts_with(&format!("bad  address: nobody answers at {closed} (")));
    assert_eq!(said.err, "once all of it is ok, what to set in GitLab is printed here\n");
    for (status, body, told) in [
        ("200 OK", "<html>\u{1b}[2J hello</html>", "is not a Portcullis gateway: it answered 200"),
        ("200 OK", "Healthy, mostly", "is not a Portcullis gateway: it answered 200"),
        ("404 Not Found", "Healthy", "is not a Portcullis gateway: it answered 404"),
        ("301 Moved", "", "redirects: name the address that it leads to"),
    ] {
        let (url, seen) = canned(http(status, "text/html", body));
        let said = doctor(&url);
        assert_eq!((said.code, said.out.lines().count()), (1, 1), "{said:?}");
        assert!(said.out.starts_with("bad  address: ") && said.out.contains(told), "{said:?}");
        let head = seen.recv().unwrap();
        assert!(head.starts_with("GET /health ") && !head.contains(REPORTING), "{head}");
    }
}

#[test]
fn who_is_healthy_and_answers_otherwise_is_told_of_each() {
    let ok = http("200 OK", "text/plain", "Healthy");
    let types = http("200 OK", "application/json", r#"{"types":["a"]}"#);
    let page = |status| http(status, "text/html", "<html>");
    let refusal = http("401 Oh", "application/problem+json", r#"{"code":"unauthorized"}"#);
    let empty = http("200 OK", "application/json", r#"{"types":[]}"#);
    let done = http("204 Done", "text/plain", "");
    let garbage = http("400 No", "application/problem+json", r#"{"code":"invalid_body"}"#);
    let late = r#"{"code":"queue_full","detail":"too many wait"}"#;
    let late = format!(
        "HTTP/1.1 429 Wait\r\nContent-Type: application/problem+json\r\nRetry-After: 30\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{late}",
        late.len()
    );
    let late = late.into_bytes();
    for (answers, bad) in [
        (vec![&page("200 OK"), &refusal], "bad  token: "),
        (vec![&page("401 No"), &refusal], "bad  token: "),
        (vec![&late, &refusal], "bad  token: too many wait; try again in 30 s"),
        (vec![&types, &types, &done, &done, &refusal], "bad  wrong token: accepted: "),
        (vec![&types, &page("502 Oh"), &done], "bad  wrong token: "),
        (vec![&empty, &refusal, &done, &done], "bad  types: none is offered"),
        (vec![&types, &refusal, &page("413 Too Large")], "bad  report: "),
        (vec![&types, &refusal, &late], "bad  report: too many wait; try again in 30 s"),
        (vec![&types, &refusal, &done, &page("500 Oh")], "bad  same again: "),
        (vec![&types, &refusal, &done, &done, &done], "bad  garbage: taken (204)"),
        (vec![&types, &refusal, &done, &done, &page("400 Oh")], "bad  garbage: "),
        (
            // It hangs up before all of it is sent, so that the answer may not be read.
            vec![&types, &refusal, &done, &done, &garbage, &page("413 Large")],
            "bad  large report: 8 MiB are too much (",
        ),
    ] {
        let all: Vec<_> = std::iter::once(&ok).chain(answers).cloned().collect();
        let (url, seen) = canned_in_turn(all);
        let said = doctor(&url);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.lines().any(|line| line.starts_with(bad)), "{bad}: {said:?}");
        assert!(!said.out.contains("ApplicationSetting"), "{said:?}");
        drop(seen.recv().unwrap());
        let head = seen.recv().unwrap();
        assert!(head.contains(&format!("authorization: {REPORTING}\r\n")), "bare: {head}");
    }
}

#[test]
fn a_certificate_that_is_not_believed_is_told_with_what_to_do() {
    let (url, pem) = tls::server("127.0.0.1");
    let said = doctor(&url);
    let start = format!("bad  tls: the certificate of {url} is not believed (self");
    assert!(said.code == 1 && said.out.starts_with(&start), "{said:?}");
    assert!(said.out.contains("no configuration is read"), "{said:?}");
    let folder = scratch_dir();
    fs::write(folder.path().join("ca.pem"), pem).unwrap();
    let text = format!(
        "[server]\npublic_url = \"{url}\"\n[http]\nca_file = \"{}/ca.pem\"\n{}",
        folder.path().display(),
        client_toml("gitlab", REPORTING, "")
    );
    private_file(folder.path(), "p.toml", &text);
    let said = run(folder.path(), &["doctor", "--config", "p.toml"]);
    assert!(said.out.starts_with(&format!("bad  address: {url} is not a Portcullis")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_asked_for_patience_waits_and_says_so() {
    let database = Database::sqlite().await;
    let slow = "rate_limit = { per_second = 1, burst = 1 }";
    let gateway = TestGateway::start(&database, &client_toml("gitlab", REPORTING, slow)).await;
    let said = doctor(&at(&gateway));
    assert_eq!((said.code, verdicts(&said)), (0, WELL.to_vec()), "{said:?}");
    assert!(said.err.contains("warning: the gateway asked for patience (429)"), "{said:?}");
    gateway.stop().await;
}

#[test]
fn nothing_goes_unencrypted_to_another_machine_without_a_word() {
    let said = doctor("http://gateway.invalid:1");
    let warning = "warning: the client's token goes over the network unencrypted; use https\n";
    assert!(said.code == 1 && said.err.starts_with(warning), "{said:?}");
}
