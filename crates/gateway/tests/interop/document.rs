//! The OpenAPI document, held against the gateway that serves it by programs that others wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use portcullis_test_support::{Inbox, Reply};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{installed, scripts};
use crate::support::broker::{AUDIENCE, gitlab};
use crate::support::everything::everything;
use crate::support::{ADMIN, Database, PAT_TYPE, REPORTING, TestGateway, client_toml, send};

/// A document, and the address of the listener that serves it.
struct Served {
    file: PathBuf,
    url: String,
}

/// A limit that nobody reaches: what is asked here is asked in a hurry.
const NO_LIMIT: &str = "{ per_second = 100000, burst = 100000 }";

/// How long a program may take, in seconds: many times what it does.
const AT_MOST_S: &str = "900";

/// Keys as a partner programme publishes them.
fn programme() -> Inbox {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
    let pem = String::from_utf8(key.public_key_to_pem().unwrap()).unwrap();
    let document =
        json!({ "public_keys": [{ "key_identifier": "1", "key": pem, "is_current": true }] });
    Inbox::start(move |_| Some(Reply { body: document.to_string().into(), ..Reply::status(200) }))
}

async fn start(gitlab: &FakeGitlab, database: &Database, keys: &Inbox) -> TestGateway {
    let limits = format!("per_user = {NO_LIMIT}\nper_project = {NO_LIMIT}");
    let client = client_toml("gitlab", REPORTING, &format!("rate_limit = {NO_LIMIT}"));
    let all = everything(gitlab, database.folder(), &limits, keys.url()) + &client;
    TestGateway::start(database, &all).await
}

/// What exists in this gateway, by the names of parameters and members: what is drawn at random never does.
async fn examples(gateway: &TestGateway, job: &str) -> BTreeMap<&'static str, Value> {
    let (pat, leaked) = (gateway.mint().await, gateway.mint().await);
    let leak = json!([{ "type": PAT_TYPE, "token": leaked.token, "location": "somewhere" }]);
    assert_eq!(gateway.report(&leak).await.status, 204);
    let row = gateway.ended().await;
    BTreeMap::from([
        ("id", json!(pat.id)),
        ("fingerprint", row["fingerprint"].clone()),
        ("token", json!(job)),
        ("subject_token", json!(job)),
    ])
}

/// Puts the examples to where the document has these names.
fn exemplify(document: &mut Value, examples: &BTreeMap<&str, Value>) {
    let operations = document["paths"].as_object_mut().unwrap().values_mut();
    for operation in operations.flat_map(|item| item.as_object_mut().unwrap().values_mut()) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if let Some(example) = examples.get(parameter["name"].as_str().unwrap()) {
                parameter["example"] = example.clone();
            }
        }
        let Some(content) = operation.pointer_mut("/requestBody/content") else { continue };
        for kind in content.as_object_mut().unwrap().values_mut() {
            let members = kind.pointer_mut("/schema/properties").and_then(Value::as_object_mut);
            for (name, member) in members.into_iter().flatten() {
                if let Some(example) = examples.get(name.as_str()) {
                    member["examples"] = json!([example]);
                }
            }
        }
    }
}

/// What a listener serves, without the paths of the other one.
async fn served(
    gateway: &TestGateway,
    folder: &Path,
    name: &str,
    examples: &BTreeMap<&str, Value>,
) -> Served {
    let (request, address) = match name {
        "public" => (gateway.request(Method::GET, "/openapi.json"), gateway.address()),
        _ => (gateway.admin_request(Method::GET, "/openapi.json"), gateway.admin_address()),
    };
    let mut document = send(request).await.json();
    let own = |item: &Value| item["servers"].as_array().unwrap().iter().any(|at| at["url"] == "/");
    document["paths"].as_object_mut().unwrap().retain(|_, item| own(item));
    exemplify(&mut document, examples);
    let file = folder.join(format!("{name}.json"));
    fs::write(&file, document.to_string()).unwrap();
    Served { file, url: format!("http://{address}") }
}

/// Runs a program that was installed for these tests; its words are the test's.
async fn run(program: &str, arguments: Vec<String>, variables: Vec<(&'static str, String)>) {
    let mut command = Command::new("timeout");
    command.arg(AT_MOST_S).arg(installed().join("python/bin").join(program));
    command.args(arguments).envs(variables);
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {}", output.status);
}

#[tokio::test]
async fn it_is_openapi() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    run("openapi-spec-validator", vec![document.to_owned()], Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_listener_answers_as_documented() {
    holds("public").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_listener_answers_as_documented() {
    holds("operators").await;
}

async fn holds(listener: &str) {
    let (gitlab, database) = (gitlab(), Database::sqlite().await);
    let programme = programme();
    let gateway = start(&gitlab, &database, &programme).await;
    let job =
        gitlab.mint_id_token(&JobSpec { audience: AUDIENCE.to_owned(), ..JobSpec::default() });
    let examples = examples(&gateway, &job).await;
    let Served { file, url } = served(&gateway, database.folder(), listener, &examples).await;
    let variables = vec![
        ("ADMIN_TOKEN", ADMIN.to_owned()),
        ("CLIENT_TOKEN", REPORTING.to_owned()),
        ("JOB_TOKEN", job),
        ("PAT", gateway.mint().await.token),
        ("SCHEMATHESIS_HOOKS", scripts().join("hooks.py").display().to_string()),
    ];
    let settings = scripts().join("schemathesis.toml");
    let arguments = [
        "--config-file",
        settings.to_str().unwrap(),
        "run",
        file.to_str().unwrap(),
        "--url",
        url.as_str(),
    ];
    run("schemathesis", arguments.map(str::to_owned).to_vec(), variables).await;
    gateway.stop().await;
}
