//! Which gateway is called, and with which token.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use portcullis_base::SystemRandomness;
use portcullis_gateway::config::{self, Environment, Sources};
use portcullis_gateway::data_dir::DataDir;
use portcullis_gateway::serve::Gateway;
use portcullis_test_support::{free_port, scratch_dir};
use serde_json::{Value, json};

use crate::binary::{run, token_file};
use crate::support::{ADMIN, Database, TestGateway};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_arguments_it_is_the_gateway_of_the_data_directory() {
    let folder = scratch_dir();
    let text = format!(
        "[server]\nlisten = \"0.0.0.0:{}\"\nadmin_listen = \"[::]:{}\"\n",
        free_port(),
        free_port()
    );
    let file = folder.path().join("p.toml");
    fs::write(&file, text).unwrap();
    let sources = Sources {
        file: Some(file),
        data_dir: DataDir::at(folder.path().join("portcullis-data")),
        environment: Environment::default(),
    };
    let loaded = config::load(&sources, &SystemRandomness).unwrap();
    let gateway = Gateway::start(&loaded).await.unwrap();
    for command in ["pats", "revocations"] {
        let said = run(folder.path(), &[command, "list", "--config", "p.toml"]);
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
        assert!(said.err.starts_with("there are no such "), "{said:?}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configurations_token_comes_before_the_data_directorys() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let url = format!("http://{}", gateway.address());
    // The test's own configuration has the token, and leaves the ports to the system.
    let list = ["pats", "list", "--config", "portcullis.toml"];
    run(database.folder(), &[&list[..], &["--url", &url]].concat()).good();
    let error = run(database.folder(), &list).bad();
    assert_eq!(error, "error: url: server.listen leaves the port to the system; say --url\n");
    gateway.stop().await;
}

#[test]
fn nothing_is_made_where_nothing_is() {
    let folder = scratch_dir();
    for command in ["pats", "revocations"] {
        let error = run(folder.path(), &[command, "list"]).bad();
        let text = "there is no portcullis-data/secrets.toml; say --token-file or --data-dir";
        assert_eq!(error, format!("error: no-secrets: no admin token: {text}\n"));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weak_or_open_token_file_warns_and_an_empty_one_fails() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let url = format!("http://{}", gateway.address());
    let file = token_file(&database);
    let list = ["pats", "list", "--url", &url, "--token-file", "token"];
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let said = run(database.folder(), &list);
    assert_eq!(said.code, 0);
    assert!(said.err.starts_with("warning: token: readable by others; chmod 600 it\n"), "{said:?}");

    let said = run(database.folder(), &[&list[..], &["--json"]].concat());
    assert_eq!(said.err, "{\"warning\":\"token: readable by others; chmod 600 it\"}\n");
    let document: Value = serde_json::from_str(&said.good()).unwrap();
    assert_eq!(document, json!({ "next": null, "pats": [] }), "one document");

    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, "hunter2").unwrap();
    let said = run(database.folder(), &list);
    assert!(said.err.starts_with("warning: token: a weak token"), "{said:?}");
    assert!(said.err.ends_with("does not take the admin token from token\n"), "{said:?}");
    for content in ["", "\n", "two words hunter2", "hunter2\nhunter2\n", "hünter2"] {
        fs::write(&file, content).unwrap();
        let error = run(database.folder(), &list).bad();
        assert!(error.starts_with("error: token-file: token: must hold"), "{error}");
        assert!(!error.contains("nter2"), "{error}");
    }
    let error =
        run(database.folder(), &["pats", "list", "--url", &url, "--token-file", "no"]).bad();
    assert!(error.starts_with("error: token-file: no: "), "{error}");
    gateway.stop().await;
}

#[test]
fn addresses_that_are_none_are_refused() {
    let folder = scratch_dir();
    fs::write(folder.path().join("token"), ADMIN).unwrap();
    let list = |url| run(folder.path(), &["pats", "list", "--token-file", "token", "--url", url]);
    for url in [
        "ftp://127.0.0.1/",
        "data:text/plain,x",
        "http://ann:hunter2@127.0.0.1:1",
        "http://127.0.0.1:1/?q=1",
        "http://127.0.0.1:1/#x",
    ] {
        let said = list(url);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("error: url: --url must "), "{said:?}");
        assert!(!said.err.contains("hunter2"), "{said:?}");
    }
    assert_eq!(list("127.0.0.1").code, 2, "no URL at all");
    let said = list("http://gateway.invalid:1");
    assert!(said.err.contains("warning: the admin token goes over the network unencrypted"));
    assert!(said.err.contains("error: unreachable: nobody answers at http://gateway.invalid:1 ("));
    let json = ["--url", "http://gateway.invalid:1", "--token-file", "token", "--json"];
    let said = run(folder.path(), &[&["pats", "list"][..], &json].concat());
    assert!(said.err.contains("{\"warning\":\"the admin token goes over the network"), "{said:?}");
}
