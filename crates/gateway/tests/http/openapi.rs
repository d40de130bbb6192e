//! The OpenAPI document: that of every route, as committed, and as served.

use std::collections::BTreeSet;
use std::fs;

use portcullis_gateway::openapi::whole;
use portcullis_gateway::serve::{admin_routes, public_routes};
use portcullis_web::{Listener, Route, document};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::broker::gitlab;
use crate::support::everything::{NOWHERE, everything};
use crate::support::{Database, TestGateway, send};

/// The document of a gateway that has every surface.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

async fn fresh() -> Value {
    let (gitlab, database) = (gitlab(), Database::sqlite().await);
    let config = database.load(&everything(&gitlab, database.folder(), "", NOWHERE)).config;
    whole(&config, "https://gw.example.com", "http://127.0.0.1:8081")
}

#[tokio::test]
async fn the_committed_document_is_that_of_the_code() {
    if option_env!("PORTCULLIS_RENEW").is_some() {
        let text = serde_json::to_string_pretty(&fresh().await).unwrap();
        fs::write(COMMITTED, text + "\n").unwrap();
    }
    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();
    let committed: Value = serde_json::from_str(&committed).unwrap_or_default();
    // Not `assert_eq`: both are long, and the difference is what git shows.
    assert!(committed == fresh().await, "docs/openapi.json is stale: `make reference` renews it");
}

/// A route whose documentation forgets a parameter of its path, or has no answer but refusals, is found.
#[tokio::test]
async fn every_route_says_what_it_takes_and_gives() {
    let document = fresh().await;
    let (mut operations, mut ids) = (0, BTreeSet::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        let named: BTreeSet<&str> =
            path.split(['{', '}']).skip(1).step_by(2).filter(|name| !name.is_empty()).collect();
        for (method, operation) in item.as_object().unwrap() {
            let Some(answers) = operation.get("responses").and_then(Value::as_object) else {
                assert_eq!(method, "servers");
                continue;
            };
            operations += 1;
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let taken: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(taken, named, "{method} {path}");
            assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
            for (status, answer) in answers {
                let about = answer["description"].as_str().unwrap();
                assert!(!about.is_empty() && !about.ends_with(": "), "{method} {path} {status}");
            }
            assert!(
                ids.insert(operation["operationId"].to_string()),
                "{method} {path}: named twice"
            );
        }
    }
    assert!(operations > 40, "{operations}");
}

/// Two types of one name would be one schema, and a path of both listeners is described once.
#[tokio::test]
async fn nothing_in_the_document_stands_for_two_things() {
    let (gitlab, database) = (gitlab(), Database::sqlite().await);
    let config = database.load(&everything(&gitlab, database.folder(), "", NOWHERE)).config;
    let (public, admin) = (public_routes(&config), admin_routes());
    let whole = whole(&config, "", "");
    let alone = |route: &Route| {
        let table = [route.clone()];
        document(&json!({}), &[Listener { table: &table, url: String::new(), about: "" }])
    };
    for route in public.iter().chain(&admin) {
        let alone = alone(route);
        for (name, schema) in alone["components"]["schemas"].as_object().unwrap() {
            assert_eq!(&whole["components"]["schemas"][name], schema, "{name}");
        }
        for (path, item) in alone["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let any = route.method == Route::any_method();
                if method != "servers" && !any {
                    assert_eq!(&whole["paths"][path][method], operation, "{method} {path}");
                }
            }
        }
    }
}

pub(crate) async fn each_listener_serves_its_own_document(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let public = gateway.get("/openapi.json").await;
    assert_eq!((public.status, public.header("content-type")), (200, Some("application/json")));
    assert_eq!(public.header("cache-control"), Some("public, max-age=300"));
    let operators = send(gateway.admin_request(Method::GET, "/openapi.json")).await;
    let (document, all) = (public.json(), operators.json());
    assert_eq!((&document["openapi"], &all["openapi"]), (&json!("3.1.0"), &json!("3.1.0")));
    let paths = |document: &Value| -> BTreeSet<String> {
        document["paths"].as_object().unwrap().keys().cloned().collect()
    };
    assert!(paths(&document).contains("/v1/pats") && !paths(&document).contains("/v1/revocations"));
    assert!(!paths(&document).contains("/token"), "only what is mounted");
    assert!(paths(&all).is_superset(&paths(&document)) && paths(&all).contains("/v1/revocations"));
    let told = |path: &str| -> Vec<Value> {
        let servers = all["paths"][path]["servers"].as_array().unwrap();
        servers.iter().map(|server| server["url"].clone()).collect()
    };
    assert_eq!(told("/v1/revocations"), ["/"]);
    assert_eq!(told("/v1/pats").len(), 1);
    assert_ne!(told("/v1/pats"), ["/"]);
    assert_eq!(told("/ready").len(), 2);

    let tag = public.header("etag").unwrap();
    let again = gateway.request(Method::GET, "/openapi.json").header("if-none-match", tag);
    let again = send(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    gateway.stop().await;
}
