//! Servers that are no gateway, or one that refuses.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};

use portcullis_test_support::{free_port, scratch_dir};
use serde_json::json;

use crate::binary::{Said, portcullis, private_file, run};
use crate::support::{ADMIN, Database, TestGateway};

/// A server that answers every request with the same bytes, and tells the heads of the requests.
pub(crate) fn canned(answer: Vec<u8>) -> (String, Receiver<String>) {
    canned_in_turn(vec![answer])
}

/// The same with these answers in turn, over and over.
pub(crate) fn canned_in_turn(answers: Vec<Vec<u8>>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (heads, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for (stream, answer) in listener.incoming().zip(answers.iter().cycle()) {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            // The caller may have gone away: that is its own affair.
            let _ = stream.write_all(answer);
            let _ = heads.send(String::from_utf8_lossy(&head).into_owned());
        }
    });
    (url, seen)
}

pub(crate) fn http(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Location: http://127.0.0.1:1/elsewhere\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn ask(url: &str, arguments: &[&str]) -> Said {
    let folder = scratch_dir();
    private_file(folder.path(), "token", ADMIN);
    let mut said =
        run(folder.path(), &[arguments, &["--url", url, "--token-file", "token"]].concat());
    said.err.truncate(said.err.trim_end().len());
    said
}

const SHOW: [&str; 3] = ["revocations", "show", "dfa0fbc2"];
const CREATE: [&str; 8] = ["pats", "create", "--name", "a", "--owner", "b", "--expires-in", "1h"];

#[test]
fn what_does_not_speak_as_a_gateway_is_told_to_be_none() {
    let html = "<html>\u{1b}[2J hello</html>";
    for (status, kind, body) in [
        ("200 OK", "text/html", html),
        ("200 OK", "application/json", "[]"),
        ("200 OK", "application/json", "{}"),
        ("200 OK", "application/json", r#"{"revocations":[{}],"pats":[{}]}"#),
        ("200 OK", "application/json", &"[".repeat(100_000)),
        ("204 No Content", "text/plain", ""),
        ("302 Found", "text/html", html),
        ("401 Unauthorized", "text/html", html),
        ("404 Not Found", "application/json", r#"{"code":"not_found"}"#),
        ("502 Bad Gateway", "text/html", html),
        ("500 Oh", "application/problem+json", "{}"),
        ("500 Oh", "application/problem+json", r#"{"code":"\u001b[2J"}"#),
    ] {
        let (url, seen) = canned(http(status, kind, body));
        for arguments in [&SHOW[..], &["revocations", "list"], &["pats", "list"], &CREATE] {
            let error = ask(&url, arguments).bad();
            let said = format!(
                "error: not-a-gateway: {url} is not a Portcullis gateway: it answered {} and not \
                 in its words",
                &status[..3]
            );
            assert_eq!(error, said, "{body} to {arguments:?}");
            let head = seen.recv().unwrap();
            assert!(head.contains(&format!("authorization: Bearer {ADMIN}\r\n")), "{head}");
        }
    }
}

#[test]
fn an_answer_that_breaks_off_leaves_a_doubt_where_something_was_asked_for() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"\x16\x03\x01\n"]
    {
        let (url, _seen) = canned(answer.to_vec());
        let error = ask(&url, &SHOW).bad();
        assert!(
            error.starts_with(&format!("error: lost: {url} gave no whole answer (")),
            "{error}"
        );
        assert!(!error.contains("not known"), "{error}");
        let error = ask(&url, &CREATE).bad();
        assert!(error.ends_with("; whether it did what it was asked is not known"), "{error}");
    }
}

#[test]
fn nobody_there_is_told_once_and_the_rest_is_not_tried() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let error = ask(&url, &["pats", "list"]).bad();
    assert!(
        error.starts_with(&format!("error: unreachable: nobody answers at {url} (")),
        "{error}"
    );
    let error: serde_json::Value =
        serde_json::from_str(&ask(&url, &["pats", "list", "--json"]).bad()).unwrap();
    assert_eq!(error["error"]["code"], "unreachable");
    let said = ask(&url, &["revocations", "retry", "01234567", "89abcdef"]);
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!((said.code, lines.len()), (1, 2), "{said:?}");
    assert!(lines[0].starts_with("error: unreachable: 01234567: "), "{said:?}");
    assert_eq!(lines[1], "error: not-tried: 89abcdef: not tried after the error before");
}

#[test]
fn the_rest_is_tried_after_one_doubt_and_not_after_two() {
    let lost = Vec::new;
    let done = || http("204 No Content", "text/plain", "");
    let busy =
        || http("503 X", "application/problem+json", r#"{"code":"unavailable","detail":"no"}"#);
    let ids: Vec<String> =
        (0..5).map(|n| format!("01890000-0000-7000-8000-00000000000{n}")).collect();
    let revoke: Vec<&str> =
        ["pats", "revoke", "--json"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    for (answers, told) in [
        (vec![lost(), done(), busy(), done(), lost()], ["lost", "", "unavailable", "", "lost"]),
        (vec![lost(), lost()], ["lost", "lost", "not-tried", "not-tried", "not-tried"]),
        (vec![done(), busy(), lost()], ["", "unavailable", "lost", "not-tried", "not-tried"]),
    ] {
        let (url, _seen) = canned_in_turn(answers);
        let said = ask(&url, &revoke);
        assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
        let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let results = document["results"].as_array().unwrap();
        let codes = results.iter().map(|result| result["error"]["code"].as_str().unwrap_or(""));
        assert_eq!(codes.collect::<Vec<_>>(), told);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_and_a_wrong_listener_are_named() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    private_file(database.folder(), "other", "not-the-token-of-these-tests-0123");
    let url = format!("http://{}", gateway.address());
    let wrong = ["pats", "list", "--url", &url, "--token-file", "other", "--json"];
    let said = run(database.folder(), &wrong).bad();
    let error: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(error["error"]["code"], "unauthorized");
    assert_eq!(error["error"]["text"], format!("{url} does not take the admin token from other"));
    assert!(!said.contains("not-the-token"), "{said}");

    let admin = format!("http://{}/", gateway.admin_address());
    let swapped = ["pats", "list", "--url", &admin, "--token-file", "token"];
    portcullis(&gateway, &database, &["pats", "list"]).good();
    let error = run(database.folder(), &swapped).bad();
    let place = admin.trim_end_matches('/');
    assert_eq!(
        error,
        format!(
            "error: not_found: there is no /v1/pats at {place}: is that the public listener?\n"
        )
    );
    gateway.stop().await;
}

#[test]
fn digits_that_mean_several_are_told_with_the_candidates() {
    let row = |fingerprint: &str, state: &str| {
        json!({ "fingerprint": fingerprint, "type": "t", "provider": "p", "mode": "revoke",
            "state": state, "confirmed": false, "created_at": "2026-11-21T05:59:12Z",
            "due_at": "2026-11-21T05:59:12Z", "attempts": 0, "sightings": 1 })
    };
    let (a, b) = (format!("dfa0fbc2{:a<56}", ""), format!("dfa0fbc2a{:b<55}", ""));
    let other = row(&"0".repeat(64), "held");
    let body = |rows: Vec<serde_json::Value>| {
        let page = json!({ "revocations": rows, "next": null }).to_string();
        http("200 OK", "application/json", &page)
    };
    let two = vec![row(&a, "failed"), row(&b, "held\u{1b}[2J"), other.clone()];
    let (url, seen) = canned(body(two));
    let error = "dfa0fbc2: several begin so: dfa0fbc2aa (failed), dfa0fbc2ab (held\\u{1b}[2J)";
    let said = ask(&url, &["revocations", "cancel", "dfa0fbc2"]);
    assert_eq!((said.code, said.err), (1, format!("error: ambiguous: {error}")));
    let asked = seen.recv().unwrap();
    assert!(asked.starts_with("GET /v1/revocations?fingerprint=dfa0fbc2&limit=11 "), "{asked}");
    assert!(seen.try_recv().is_err(), "nothing was asked of either");

    // A server that knows no such filter and gives another row.
    let (url, seen) = canned(body(vec![other]));
    let said = ask(&url, &["revocations", "cancel", "dfa0fbc2"]);
    assert!(said.err.starts_with("error: not_found: dfa0fbc2: "), "{said:?}");
    assert_eq!(seen.iter().take(1).count(), 1);
    assert!(seen.try_recv().is_err(), "the other row is left alone");
}

#[test]
fn numbers_and_times_beyond_bounds_are_told_all_the_same() {
    let (at, most) = ("0000-01-01T00:00:00+01:00", u64::MAX);
    let fingerprint = format!("dfa0fbc2{:a<56}", "");
    let mut row = json!({ "fingerprint": fingerprint, "type": "t", "provider": "p", "mode": "revoke",
        "state": "held", "confirmed": false, "created_at": at, "due_at": at, "attempts": most,
        "sightings": most });
    let page = json!({ "revocations": [row], "next": null });
    let seen = json!({ "type": "t", "reporter": "r", "times": most, "first_seen_at": at,
        "last_seen_at": at });
    row["sightings_kept"] = json!([seen, seen]);
    row["attempts_made"] = json!([]);
    let answers = [page, row].map(|body| http("200 OK", "application/json", &body.to_string()));
    let (url, _seen) = canned_in_turn(answers.into());
    let shown = ask(&url, &SHOW).good();
    assert!(shown.contains(&format!("\nreported     {at}\n")), "{shown}");
    assert!(shown.contains(&format!("\nSIGHTINGS: {most}\n")), "{shown}");
}

#[test]
fn what_a_gateway_refuses_is_told_in_its_words_made_harmless() {
    let problem = r#"{"code":"too_many_failures","detail":"too much\u001b[2J\nat a time"}"#;
    let mut answer = String::from_utf8(http("429 X", "application/problem+json", problem)).unwrap();
    answer = answer.replacen("\r\n", "\r\nRetry-After: 7\r\n", 1);
    let (url, _seen) = canned(answer.into_bytes());
    let said = ask(&url, &["pats", "list"]).bad();
    assert_eq!(
        said,
        r"error: too_many_failures: too much\u{1b}[2J\u{a}at a time; try again in 7 s"
    );
}
