use actix_web::http::Method;
use actix_web::web;
use serde::Serialize;

use super::*;
use crate::{Access, Audit, Route};

#[derive(Serialize, ToSchema)]
struct Pet {
    name: String,
}

fn route(method: Method, path: &str, access: Access) -> Route {
    Route {
        method,
        path: path.to_owned(),
        handler: || web::to(|| async { "" }),
        access,
        audit: Audit::Nothing,
        summary: "A pet",
        docs: || {
            let docs = Docs::new("Pets").path("tail", schema_of::<String>(), "Which");
            docs.takes::<Pet>().answers_json::<Pet>(200, "It.").problem(429, &["hungry"])
        },
    }
}

fn of(table: &[Route]) -> Value {
    let listener = Listener { table, url: "/".to_owned(), about: "here" };
    document(&json!({ "title": "Pets", "version": "1" }), &[listener])
}

#[test]
fn an_operation_says_what_follows_from_its_access_and_its_body() {
    let document = of(&[route(Method::POST, "/pets/{tail:[a-z]{3}}", Access::Admin)]);
    let operation = &document["paths"]["/pets/{tail}"]["post"];
    assert_eq!(operation["operationId"], "post_pets_tail");
    assert_eq!(operation["security"], json!([{ "adminToken": [] }]));
    let answers = operation["responses"].as_object().unwrap();
    let statuses: Vec<&str> = answers.keys().map(String::as_str).collect();
    assert_eq!(statuses, ["200", "400", "401", "408", "413", "429"]);
    assert_eq!(answers["401"]["headers"]["WWW-Authenticate"]["required"], true);
    assert_eq!(answers["429"]["headers"]["Retry-After"]["required"], true);
    let codes = |status: &str| {
        let problem = &answers[status]["content"]["application/problem+json"];
        problem["schema"]["allOf"][1]["properties"]["code"]["enum"].clone()
    };
    assert_eq!(codes("429"), json!(["hungry", "too_many_failures"]));
    assert_eq!(codes("400"), json!(["body", "invalid_json", "invalid_members"]));
    let pet = &document["components"]["schemas"]["Pet"];
    assert_eq!(pet["required"], json!(["name"]));
}

#[test]
fn a_head_has_no_body_and_any_method_is_what_others_leave() {
    let table = [
        route(Route::any_method(), "/{tail}", Access::Public),
        route(Method::HEAD, "/{tail}", Access::Public),
    ];
    let document = of(&table);
    let item = document["paths"]["/{tail}"].as_object().unwrap();
    assert_eq!(item.len(), 8 + 1, "eight methods and the servers");
    assert!(item["head"]["responses"]["200"].get("content").is_none());
    assert!(item["trace"]["responses"]["200"].get("content").is_some());
}

#[test]
fn a_path_of_two_listeners_has_both_addresses() {
    let table = [route(Method::GET, "/{tail}", Access::Public)];
    let at = |url: &str| Listener { table: &table, url: url.to_owned(), about: "" };
    let paths = paths(&[at("/one"), at("/two")]);
    let servers = paths["/{tail}"]["servers"].as_array().unwrap();
    let urls: Vec<&Value> = servers.iter().map(|server| &server["url"]).collect();
    assert_eq!(urls, ["/one", "/two"]);
}
