//! The PAT service.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Database, REPORTING, TestGateway, in_future, send};

const HOUR: Duration = Duration::from_hours(1);

fn wanted() -> Value {
    json!({ "name": "n", "owner": "user:ann", "expires_at": in_future(HOUR) })
}

async fn create(gateway: &TestGateway, change: impl FnOnce(&mut Value)) -> Answer {
    let mut body = wanted();
    change(&mut body);
    gateway.pats(Method::POST, "", Some(body)).await
}

async fn post(gateway: &TestGateway, body: impl Into<reqwest::Body>) -> Answer {
    send(gateway.request(Method::POST, "/v1/pats").bearer_auth(ADMIN).body(body)).await
}

pub(crate) async fn what_is_wrong_with_a_new_pat_is_named(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let now = in_future(Duration::ZERO);
    let two_years = in_future(HOUR * 24 * 730);
    for (member, value) in [
        ("name", json!("")),
        ("name", json!(" ")),
        ("name", json!("a\u{0}b")),
        ("name", json!("n".repeat(256))),
        ("owner", json!("")),
        ("owner", json!("user ann")),
        ("owner", json!("user:änn")),
        ("owner", json!("a\r\nX-Auth-Scopes: admin")),
        ("description", json!("\u{0}")),
        ("description", json!("d".repeat(1025))),
        ("scopes", json!(["a b"])),
        ("scopes", json!([""])),
        ("scopes", json!((0..65).map(|n| format!("s{n}")).collect::<Vec<_>>())),
        ("expires_at", json!("tomorrow")),
        ("expires_at", json!(now)),
        ("expires_at", json!(two_years)),
        ("expires_at", json!("9999-12-31T23:59:59Z")),
    ] {
        let answer = create(&gateway, |body| body[member] = value.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_member"), "{value}");
        assert_eq!(answer.json()["member"], member);
    }
    for (member, value) in [
        ("extra", json!(1)),
        ("name", json!(7)),
        ("owner", Value::Null),
        ("scopes", json!("a")),
        ("expires_at", json!(1_900_000_000)),
    ] {
        let answer = create(&gateway, |body| body[member] = value.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_members"), "{member}");
    }
    for body in ["", "{", "nul", "\u{0}", &"[".repeat(60_000)] {
        let answer = post(&gateway, body.to_owned()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_json"), "{body:.9}");
    }
    let huge = post(&gateway, vec![b' '; 70_000]).await;
    assert_eq!((huge.status, huge.code().as_str()), (413, "too_large"));
    assert_eq!(
        gateway.pats(Method::GET, "", None).await.json()["pats"],
        json!([]),
        "none was made"
    );
    gateway.stop().await;
}

pub(crate) async fn a_token_is_shown_once(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let made = create(&gateway, |body| body["scopes"] = json!(["b", "a"])).await;
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")));
    let mut pat = made.json();
    let token = pat["token"].take().as_str().unwrap().to_owned();
    let id = pat["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(format!("/v1/pats/{id}").as_str()));
    assert_eq!((&pat["status"], &pat["scopes"]), (&json!("active"), &json!(["a", "b"])));
    pat.as_object_mut().unwrap().remove("token");
    let path = format!("/{id}");
    let shown = gateway.pats(Method::GET, &path, None).await;
    assert_eq!((shown.status, shown.json()), (200, pat.clone()));
    let listed = gateway.pats(Method::GET, "", None).await;
    assert_eq!(listed.json(), json!({ "pats": [pat], "next": null }));

    let change = json!({ "name": "renamed", "description": "a\nb", "scopes": ["c"] });
    let changed = gateway.pats(Method::PATCH, &path, Some(change)).await;
    let said = changed.json();
    assert_eq!(
        (changed.status, &said["name"], &said["scopes"]),
        (200, &json!("renamed"), &json!(["c"]))
    );
    assert_eq!(said["description"], "a\nb");
    assert_eq!(gateway.auth(&token).await.header("x-auth-scopes"), Some("c"));
    let same = gateway.pats(Method::PATCH, &path, Some(json!({}))).await;
    let mut unused = same.json();
    unused["last_used_at"] = Value::Null;
    assert_eq!((same.status, unused), (200, said));
    let bad = gateway.pats(Method::PATCH, &path, Some(json!({ "owner": "user:eve" }))).await;
    assert_eq!(bad.status, 400, "an owner never changes");

    let body = json!({ "expires_at": in_future(HOUR) });
    let renewed = gateway.pats(Method::POST, &format!("{path}/regenerate"), Some(body)).await;
    assert_eq!((renewed.status, renewed.header("cache-control")), (200, Some("no-store")));
    let second = renewed.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(renewed.json()["id"].as_str(), Some(id.as_str()));
    for _ in 0..2 {
        let deleted = gateway.pats(Method::DELETE, &path, None).await;
        assert!(deleted.status < 300, "deleting twice is deleting: {deleted:?}");
    }
    let kept = gateway.pats(Method::GET, &path, None).await;
    assert_eq!(kept.json()["status"], "revoked");
    assert_eq!(kept.json()["revoked_reason"], "deleted");
    for answer in [shown, listed, changed, same, kept] {
        let text = format!("{answer:?}");
        assert!(!text.contains(&token) && !text.contains(&second) && !text.contains("\"token\""));
    }
    gateway.stop().await;
}

pub(crate) async fn lists_go_page_by_page_and_by_owner(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let mut made = Vec::new();
    for n in 0..5 {
        let owner = if n % 2 == 0 { "user:ann" } else { "user:bob" };
        made.push(gateway.mint_for(owner, &[], HOUR).await.id);
    }
    let ids = |page: &Value| -> Vec<String> {
        let pats = page["pats"].as_array().unwrap();
        pats.iter().map(|pat| pat["id"].as_str().unwrap().to_owned()).collect()
    };
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    for _ in 0..5 {
        let page = gateway.pats(Method::GET, &query, None).await.json();
        seen.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&after={next}");
    }
    seen.sort_unstable();
    made.sort_unstable();
    assert_eq!(seen, made, "each once");
    for (query, count) in [
        ("?owner=user:bob", 2),
        ("?owner=user:eve", 0),
        ("?owner=%00", 0),
        ("?owner=user:ann%00", 0),
        ("?limit=0", 1),
        ("?limit=4000000000", 5),
    ] {
        let page = gateway.pats(Method::GET, query, None).await;
        assert_eq!((page.status, ids(&page.json()).len()), (200, count), "{query}");
    }
    for (query, code) in [
        ("?limit=-1", "query"),
        ("?limit=x", "query"),
        ("?limit=5000000000", "query"),
        ("?after=", "after"),
        ("?after=junk", "after"),
        ("?after=%00", "after"),
    ] {
        let page = gateway.pats(Method::GET, query, None).await;
        assert_eq!((page.status, page.code().as_str()), (400, code), "{query}");
    }
    gateway.stop().await;
}

pub(crate) async fn ids_that_name_nothing_are_not_found(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let unknown = "01a2b3c4-d5e6-7f80-9a1b-2c3d4e5f6071";
    for id in [unknown, "x", "%00", "%ff", "'%20OR%201=1", "..%2f..", &"a".repeat(5000)] {
        for (method, tail, body) in [
            (Method::GET, "", None),
            (Method::PATCH, "", Some(json!({}))),
            (Method::DELETE, "", None),
            (Method::POST, "/regenerate", Some(json!({ "expires_at": in_future(HOUR) }))),
        ] {
            let answer = gateway.pats(method.clone(), &format!("/{id}{tail}"), body).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (404, "not_found"),
                "{method} {id}"
            );
        }
    }
    for path in ["/", "/v1", "/v1/", "/v1/pats/", "/v1/patss", "/nothing", "/%00", "/authx"] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    gateway.stop().await;
}

pub(crate) async fn only_the_admin_token_opens_it(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let pat = gateway.mint().await.token;
    let request = || gateway.request(Method::GET, "/v1/pats");
    let wrong = [
        request(),
        request().bearer_auth(REPORTING),
        request().bearer_auth(&pat),
        request().bearer_auth(format!("{ADMIN}x")),
        request().header("authorization", ADMIN),
        request().basic_auth("admin", Some(ADMIN)),
        request().bearer_auth(ADMIN).bearer_auth(ADMIN),
    ];
    let mut refused = wrong.len();
    for request in wrong {
        let answer = send(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"portcullis-admin\""));
    }
    let limited = loop {
        let answer = send(request().bearer_auth("wrong")).await;
        if answer.status != 401 {
            break answer;
        }
        refused += 1;
        assert!(refused < 1000, "failures are not limited");
    };
    assert!(refused >= 20, "a burst of 20 is let through: {refused}");
    assert_eq!((limited.status, limited.code().as_str()), (429, "too_many_failures"));
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert_eq!(send(request().bearer_auth(ADMIN)).await.status, 200, "the right one still opens");
    gateway.stop().await;
}
