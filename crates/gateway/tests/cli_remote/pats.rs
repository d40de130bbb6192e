//! `portcullis pats …`

use std::fs::OpenOptions;

use serde_json::json;

use crate::binary::{portcullis, run, run_into, token_file};
use crate::support::{Database, TestGateway};

const NEW: [&str; 6] = ["pats", "create", "--name", "a laptop", "--owner", "user:ann"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_stands_alone_on_standard_output_and_works() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let rest = ["--scope", "read", "--scope", "deploy,write", "--expires-in", "30d"];
    let said = portcullis(&gateway, &database, &[&NEW[..], &rest].concat());
    let token = said.out.strip_suffix('\n').unwrap();
    assert_eq!(gateway.auth(token).await.header("x-auth-scopes"), Some("deploy read write"));
    for fact in ["name     a laptop\n", "owner    user:ann\n", "(in 30 days)", "shown this once"] {
        assert!(said.err.contains(fact), "{fact}: {said:?}");
    }
    assert!(!said.err.contains(token), "it is where `$(…)` takes it, and nowhere else");

    let rest = ["--expires-at", "2026-01-01T00:00:00Z"];
    let error = portcullis(&gateway, &database, &[&NEW[..], &rest].concat()).bad();
    assert_eq!(error, "error: invalid_member: `expires_at` lies in the past\n");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_get_what_the_api_said() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let rest = ["--description", "for the train", "--expires-in", "12h", "--json"];
    let made = portcullis(&gateway, &database, &[&NEW[..], &rest].concat()).json();
    assert_eq!(gateway.auth(made["token"].as_str().unwrap()).await.status, 200);
    assert_eq!((&made["description"], &made["scopes"]), (&json!("for the train"), &json!([])));
    let listed = portcullis(&gateway, &database, &["pats", "list", "--json"]).json();
    assert_eq!(listed, gateway.pats(reqwest::Method::GET, "", None).await.json());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_nobody_could_read_is_told_by_its_id() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let (url, file) = (format!("http://{}", gateway.address()), token_file(&database));
    let rest = ["--expires-in", "1h", "--url", &url, "--token-file", file.to_str().unwrap()];
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let said = run_into(database.folder(), &[&NEW[..], &rest].concat(), full.into());
    let listed = portcullis(&gateway, &database, &["pats", "list", "--json"]).json();
    let id = listed["pats"][0]["id"].as_str().unwrap();
    assert_eq!(said.code, 1);
    assert!(said.err.contains(&format!("revoke {id} and make another")), "{said:?}");

    // The same of what could be asked for again.
    let (place, text) = (&rest[2..], "what was to be told could not be written (No space left");
    for arguments in [&["pats", "list"][..], &["pats", "revoke", id]] {
        for json in [&[][..], &["--json"]] {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            let said = run_into(database.folder(), &[arguments, place, json].concat(), full.into());
            assert_eq!((said.code, said.err.lines().count()), (1, 1), "{said:?}");
            assert!(said.err.contains(text) && said.err.contains("output"), "{said:?}");
        }
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_several_is_revoked_and_told_of() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let (a, b) = (gateway.mint().await, gateway.mint().await);
    let unknown = "01890000-0000-7000-8000-000000000000";
    let said = portcullis(&gateway, &database, &["pats", "revoke", &a.id, unknown, &b.id]);
    assert_eq!(said.code, 1);
    assert_eq!(said.out, format!("{}  revoked\n{}  revoked\n", a.id, b.id));
    assert_eq!(said.err, format!("error: not_found: {unknown}: there is no PAT with this id\n"));
    assert_eq!(gateway.auth(&a.token).await.status, 401);
    assert_eq!(gateway.auth(&b.token).await.status, 401);

    let said = portcullis(&gateway, &database, &["pats", "revoke", &a.id, unknown, "--json"]);
    let error = json!({ "code": "not_found", "text": "there is no PAT with this id" });
    let results = json!({ "results": [
        { "id": a.id, "ok": true },
        { "id": unknown, "ok": false, "error": error },
    ] });
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    assert_eq!(said.out, format!("{results}\n"));
    portcullis(&gateway, &database, &["pats", "revoke", &b.id]).good();
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_not_told_to_be_gone_at_another_door() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let (a, b) = (gateway.mint().await, gateway.mint().await);
    let file = token_file(&database);
    let (admin, public) = (gateway.admin_address(), gateway.address());
    for place in [format!("http://{admin}"), format!("http://{public}/tokens")] {
        let rest = ["--url", &place, "--token-file", file.to_str().unwrap()];
        let arguments = [&["pats", "revoke", &a.id, &b.id][..], &rest].concat();
        let said = run(database.folder(), &arguments);
        let errors = format!(
            "error: not_found: {}: there is no /v1/pats at {place}: is that the public listener?\n\
             error: not-tried: {}: not tried after the error before\n",
            a.id, b.id
        );
        assert_eq!((said.code, said.err), (1, errors));
    }
    assert_eq!(gateway.auth(&a.token).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_ends_at_its_limit_and_says_whether_there_is_more() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let hour = std::time::Duration::from_hours(1);
    for _ in 0..5 {
        gateway.mint_for("user:ann", &["read"], hour).await;
    }
    gateway.mint_for("user:bob", &[], hour).await;
    let list = |rest: &[&str]| portcullis(&gateway, &database, &[&["pats", "list"], rest].concat());

    let all = list(&[]);
    assert_eq!((all.out.lines().count(), all.err.as_str()), (7, ""), "{all:?}");
    assert!(all.out.starts_with("ID   "), "{all:?}");
    let bob = all.out.lines().find(|line| line.contains("user:bob")).unwrap();
    assert!(bob.contains("  active  a laptop  user:bob  20"), "{bob}");

    let cut = list(&["--limit", "4"]);
    assert_eq!(cut.out.lines().count(), 5);
    assert!(cut.err.starts_with("4 shown, there are more: --limit N, or --after "), "{cut:?}");
    let next = list(&["--limit", "4", "--json"]).json()["next"].as_str().unwrap().to_owned();
    assert!(cut.err.ends_with(&format!("{next}\n")));
    let rest = list(&["--limit", "4", "--after", &next, "--json"]).json();
    assert_eq!((rest["pats"].as_array().unwrap().len(), &rest["next"]), (2, &json!(null)));

    let exact = list(&["--limit", "5", "--owner", "user:ann"]);
    assert_eq!((exact.out.lines().count(), exact.err.as_str()), (6, ""), "nothing is left");
    let error = list(&["--after", "junk"]).bad();
    assert_eq!(error, "error: after: `after` is what `next` of the last page said\n");
    let none = list(&["--owner", "user:eve"]);
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "there are no such tokens\n"));
    gateway.stop().await;
}
