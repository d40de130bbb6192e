//! `portcullis health`: alive, ready, neither, and what is no gateway.

use std::fs;

use portcullis_test_support::{free_port, scratch_dir};
use serde_json::json;

use crate::binary::{Said, run};
use crate::support::{Database, TestGateway};
use crate::trouble::{canned, http};

fn health(url: &str, more: &[&str]) -> Said {
    run(scratch_dir().path(), &[&["health", "--url", url], more].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_well_is_one_word_and_status_0() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    for address in [gateway.address(), gateway.admin_address()] {
        let url = format!("http://{address}");
        assert_eq!(health(&url, &[]).good(), "healthy\n");
        assert_eq!(health(&url, &["--json"]).json(), json!({ "healthy": true }));
        assert_eq!(health(&url, &["--ready"]).good(), "ready\n");
        assert_eq!(health(&url, &["--ready", "--json"]).json()["ready"], true);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_address_it_is_the_public_listener_of_the_configuration() {
    let database = Database::sqlite().await;
    let (public, admin) = (free_port(), free_port());
    let file = database.configuration((public, admin), "");
    // In a container it listens on every address, and is asked on loopback.
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("listen = \"127.0.0.1:", "listen = \"0.0.0.0:")).unwrap();
    let ask = ["health", "--ready", "--config", "portcullis.toml"];
    let error = run(database.folder(), &ask).bad();
    let nobody = format!("error: unreachable: nobody answers at http://127.0.0.1:{public} (");
    assert!(error.starts_with(&nobody), "{error}");

    let (answering, heads) = canned(http("200 OK", "application/json", "{\"ready\":true}"));
    let port = answering.rsplit(':').next().unwrap().to_owned();
    fs::write(&file, format!("[server]\nlisten = \"0.0.0.0:{port}\"\n")).unwrap();
    let said = run(database.folder(), &ask);
    assert_eq!((said.err.as_str(), said.out.as_str()), ("", "ready\n"), "no warning of the file");
    let head = heads.recv().unwrap().to_lowercase();
    assert!(head.starts_with("get /ready http/1.1\r\n"), "{head}");
    assert!(!head.contains("authorization"), "{head}");
}

#[test]
fn what_is_degraded_is_ready_and_says_so() {
    let body = "{\"ready\":true,\"degraded\":[\"impersonation\",\"\\u001b[2J\"]}";
    let (url, _heads) = canned(http("200 OK", "application/json", body));
    let said = health(&url, &["--ready"]).good();
    assert_eq!(said, "ready, but degraded: impersonation, \\u{1b}[2J\n");
}

#[test]
fn a_gateway_without_its_database_is_alive_and_not_ready() {
    let problem = json!({ "code": "unavailable", "detail": "the database cannot be reached" });
    let kind = "application/problem+json";
    let (url, _heads) = canned(http("503 Service Unavailable", kind, &problem.to_string()));
    let error = health(&url, &["--ready"]).bad();
    assert_eq!(error, "error: unavailable: the database cannot be reached\n");
    let said = health(&url, &["--ready", "--json"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    assert!(said.err.starts_with("{\"error\":{\"code\":\"unavailable\""), "{said:?}");
}

#[test]
fn what_is_no_gateway_is_not_healthy() {
    for (status, kind, body) in [
        ("200 OK", "text/html", "<html>Welcome to nginx!</html>"),
        ("200 OK", "application/json", "{\"ready\":false}"),
        ("200 OK", "application/json", "{\"ready\":\"true\"}"),
        ("204 No Content", "text/plain", ""),
        ("302 Found", "text/plain", "Healthy"),
        ("500 Internal Server Error", "application/json", "{\"ready\":true}"),
    ] {
        let (url, _heads) = canned(http(status, kind, body));
        for more in [&[][..], &["--ready"]] {
            let error = health(&url, more).bad();
            assert!(error.starts_with("error: not-a-gateway: "), "{status} {body}: {error}");
        }
    }
    let error = health("http://ann:hunter2@127.0.0.1:1", &[]).bad();
    assert!(error.starts_with("error: url: ") && !error.contains("hunter2"), "{error}");
    assert_eq!(health("127.0.0.1", &[]).code, 2, "no URL at all");
}

#[test]
fn a_broken_configuration_is_told() {
    let folder = scratch_dir();
    fs::write(folder.path().join("p.toml"), "[server]\nlisten = \"here\"\n").unwrap();
    let error = run(folder.path(), &["health", "--config", "p.toml"]).bad();
    assert!(error.starts_with("error: config: server.listen"), "{error}");
}
