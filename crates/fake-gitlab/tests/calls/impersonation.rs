//! Impersonation tokens: made, listed, revoked, and refused as GitLab's source refuses.

use crate::support::{ADMIN, Heard, PLAIN, get, gitlab, request, send};
use portcullis_fake_gitlab::{FakeGitlab, TokenKind, TokenSpec, TokenState};
use reqwest::Method;
use serde_json::{Value, json};

const LIST: &str = "/api/v4/users/2/impersonation_tokens";
const SELF: &str = "/api/v4/personal_access_tokens/self";

/// A day that is neither past nor too far ahead, whenever the test runs.
fn someday() -> String {
    #[expect(clippy::disallowed_methods, reason = "GitLab measures by the machine's clock")]
    let now = time::OffsetDateTime::now_utc();
    (now + time::Duration::days(30)).date().to_string()
}

fn wanted(name: &str) -> Value {
    json!({ "name": name, "scopes": ["write_repository"], "expires_at": someday() })
}

async fn create(gitlab: &FakeGitlab, body: &Value) -> Heard {
    send(request(gitlab, Method::POST, LIST, ADMIN).json(body)).await
}

async fn delete(gitlab: &FakeGitlab, path: &str, token: &str) -> Heard {
    send(request(gitlab, Method::DELETE, path, token)).await
}

#[tokio::test]
async fn one_lives_from_its_making_to_its_revocation() {
    let gitlab = gitlab();
    let made = create(&gitlab, &wanted("portcullis")).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("cache-control"), "max-age=0, private, must-revalidate");
    let token = made.body["token"].as_str().unwrap();
    assert!(token.starts_with("glpat-") && (51..=53).contains(&token.len()), "{token}");
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts[1..].iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 9]);
    for (member, value) in [
        ("user_id", json!(2)),
        ("name", json!("portcullis")),
        ("scopes", json!(["write_repository"])),
        ("expires_at", json!(someday())),
        ("active", json!(true)),
        ("revoked", json!(false)),
        ("impersonation", json!(true)),
        ("last_used_at", Value::Null),
    ] {
        assert_eq!(made.body[member], value, "{member}");
    }
    let id = made.body["id"].as_u64().unwrap();

    assert_eq!(gitlab.state(token), Some(TokenState::Active));
    assert_eq!(gitlab.scopes_of(token).unwrap(), ["write_repository"]);
    let shown = get(&gitlab, SELF, token).await;
    assert_eq!((shown.status, &shown.body["id"]), (200, &json!(id)));
    assert_eq!(delete(&gitlab, SELF, token).await.status, 400, "it cannot revoke itself");

    let one = format!("{LIST}/{id}");
    let shown = get(&gitlab, &one, ADMIN).await;
    assert_eq!((shown.status, &shown.body["created_at"]), (200, &made.body["created_at"]));
    assert!(shown.body.get("token").is_none(), "told once only");
    // A revoked one is found, and revoked, again.
    for _ in 0..2 {
        let gone = delete(&gitlab, &one, ADMIN).await;
        assert_eq!((gone.status, gone.body), (204, Value::Null));
        assert_eq!(gitlab.state(token), Some(TokenState::Revoked));
    }
    let dead = get(&gitlab, &one, ADMIN).await.body;
    assert_eq!((&dead["active"], &dead["revoked"]), (&json!(false), &json!(true)));
    assert_eq!(get(&gitlab, SELF, token).await.status, 401);
}

#[tokio::test]
async fn a_form_says_the_same_as_json() {
    let gitlab = gitlab();
    let form = format!("name=a+b%26c&scopes[]=api&scopes%5B%5D=read_user&expires_at={}", someday());
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let call = request(&gitlab, Method::POST, LIST, ADMIN).header(kind.0, kind.1).body(form);
    let made = send(call).await;
    assert_eq!((made.status, &made.body["name"]), (201, &json!("a b&c")));
    assert_eq!(made.body["scopes"], json!(["api", "read_user"]));

    let query = format!("{LIST}?name=q&scopes=api,read_user&expires_at={}", someday());
    let made = send(request(&gitlab, Method::POST, &query, ADMIN)).await;
    assert_eq!((made.status, &made.body["scopes"]), (201, &json!(["api", "read_user"])));
    assert_eq!(gitlab.requests()[1].query, query.split_once('?').unwrap().1);

    let call = request(&gitlab, Method::POST, LIST, ADMIN).header("content-type", "text/plain");
    assert_eq!(send(call.body("name=x")).await.status, 415);
    let call =
        request(&gitlab, Method::POST, LIST, ADMIN).header("content-type", "application/json");
    assert_eq!(send(call.body("{")).await.status, 400);
    assert_eq!(gitlab.impersonation_tokens(2).len(), 2);
}

#[tokio::test]
async fn what_gitlab_would_not_save() {
    let gitlab = gitlab();
    for (change, told) in [
        (json!({ "name": null }), json!({ "error": "name is missing" })),
        (json!({ "name": " " }), json!({ "message": { "name": ["can't be blank"] } })),
        (
            json!({ "name": "x".repeat(256) }),
            json!({ "message": { "name": ["is too long (maximum is 255 characters)"] } }),
        ),
        (
            json!({ "scopes": ["api", "root"] }),
            json!({ "message": { "scopes": ["can only contain available scopes"] } }),
        ),
        (json!({ "scopes": [] }), json!({ "message": { "scopes": ["can't be blank"] } })),
        (json!({ "expires_at": null }), json!({ "message": { "expires_at": ["can't be blank"] } })),
        (json!({ "expires_at": "soon" }), json!({ "error": "expires_at is invalid" })),
        (json!({ "expires_at": "2026-02-30" }), json!({ "error": "expires_at is invalid" })),
    ] {
        let mut body = wanted("n");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = create(&gitlab, &body).await;
        assert_eq!((refused.status, refused.body), (400, told), "{change}");
    }
    let mut body = wanted("n");
    body["expires_at"] = json!("9999-12-31");
    let refused = create(&gitlab, &body).await;
    assert_eq!(refused.status, 400);
    let told = refused.body["message"]["expires_at"][0].as_str().unwrap();
    assert!(told.starts_with("must be before 2"), "{told}");
    assert!(gitlab.impersonation_tokens(2).is_empty());

    assert_eq!(create(&gitlab, &wanted(&"ü".repeat(255))).await.status, 201);
    body["expires_at"] = json!("2016-12-28");
    let stillborn = create(&gitlab, &body).await;
    assert_eq!((stillborn.status, &stillborn.body["active"]), (201, &json!(false)));
    let token = stillborn.body["token"].as_str().unwrap();
    assert_eq!(gitlab.state(token), Some(TokenState::Expired));
}

#[tokio::test]
async fn only_administrators_and_only_what_is_there() {
    let gitlab = gitlab();
    let id = create(&gitlab, &wanted("n")).await.body["id"].clone();
    let (one, personal) = (format!("{LIST}/{id}"), format!("{LIST}/1"));
    let read_only = vec!["read_api".to_owned()];
    let narrow = TokenSpec { user_id: 1, scopes: read_only, ..TokenSpec::default() };
    gitlab.add_token_with("glpat-narrow", narrow);
    let forbidden = json!({ "message": "403 Forbidden" });
    let no_user = json!({ "message": "404 User Not Found" });
    let no_token = json!({ "message": "404 Impersonation Token Not Found" });
    let stranger = format!("/api/v4/users/1/impersonation_tokens/{id}");
    for (method, path) in [
        (Method::POST, LIST),
        (Method::GET, LIST),
        (Method::GET, one.as_str()),
        (Method::DELETE, one.as_str()),
    ] {
        let says = async |path: &str, token: &str| {
            let heard =
                send(request(&gitlab, method.clone(), path, token).json(&wanted("n"))).await;
            (heard.status, heard.body)
        };
        assert_eq!(says(path, PLAIN).await, (403, forbidden.clone()), "{method} {path}");
        assert_eq!(says(path, "glpat-unknown").await.0, 401);
        let elsewhere = path.replace("users/2", "users/99");
        assert_eq!(says(&elsewhere, ADMIN).await, (404, no_user.clone()));
        assert_eq!(says(&path.replace("users/2", "users/x"), ADMIN).await.0, 400);
        let reads = method == Method::GET;
        assert_eq!(says(path, "glpat-narrow").await.0, if reads { 200 } else { 403 });
    }
    for method in [Method::GET, Method::DELETE] {
        // An ordinary token, another user's, and none at all.
        for path in [&personal, &stranger, &format!("{LIST}/0"), &format!("{LIST}/99")] {
            let heard = send(request(&gitlab, method.clone(), path, ADMIN)).await;
            assert_eq!((heard.status, heard.body), (404, no_token.clone()), "{path}");
        }
    }
    assert_eq!(gitlab.impersonation_tokens(2).len(), 1);
}

#[tokio::test]
async fn switched_off_they_are_made_and_do_not_work() {
    let gitlab = gitlab();
    gitlab.allow_impersonation(false);
    let made = create(&gitlab, &wanted("n")).await;
    assert_eq!((made.status, &made.body["active"]), (201, &json!(true)));
    let used = get(&gitlab, SELF, made.body["token"].as_str().unwrap()).await;
    assert_eq!(used.status, 401);
    let told = used.body["error_description"].as_str().unwrap();
    assert!(told.contains("impersonation was disabled"), "{told}");
    assert_eq!(delete(&gitlab, &format!("{LIST}/{}", made.body["id"]), ADMIN).await.status, 204);
}

#[tokio::test]
async fn a_list_comes_in_pages_and_by_state() {
    let gitlab = gitlab();
    let tokens: Vec<String> = (0..45).map(|n| format!("glpat-{n:020}")).collect();
    let spec = TokenSpec { kind: TokenKind::Impersonation, ..TokenSpec::default() };
    gitlab.add_tokens_with(tokens.iter().map(String::as_str), spec);
    gitlab.set_state(&tokens[0], TokenState::Revoked);
    gitlab.set_state(&tokens[1], TokenState::Expired);
    gitlab.set_created_at(&tokens[2], "2020-01-01T00:00:00.000Z");

    let page = get(&gitlab, &format!("{LIST}?state=active&per_page=20&page=2"), ADMIN).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body.as_array().unwrap().len(), 20);
    let numbers = |page: &Heard| {
        ["x-page", "x-per-page", "x-total", "x-total-pages", "x-next-page", "x-prev-page"]
            .map(|name| page.header(name).to_owned())
    };
    assert_eq!(numbers(&page), ["2", "20", "43", "3", "3", "1"]);
    let url = format!("{}{LIST}", gitlab.url());
    let link = |page, relation| {
        let query = format!("page={page}&per_page=20&state=active&user_id=2");
        format!("<{url}?{query}>; rel=\"{relation}\"")
    };
    let links = [link(1, "prev"), link(3, "next"), link(1, "first"), link(3, "last")];
    assert_eq!(page.header("link"), links.join(", "));

    let last = get(&gitlab, &format!("{LIST}?state=active&page=3"), ADMIN).await;
    assert_eq!(numbers(&last), ["3", "20", "43", "3", "", "2"]);
    assert_eq!(last.body.as_array().unwrap().len(), 3);
    let beyond = get(&gitlab, &format!("{LIST}?page=9"), ADMIN).await;
    assert_eq!((beyond.status, beyond.body), (200, json!([])));

    let inactive = get(&gitlab, &format!("{LIST}?state=inactive"), ADMIN).await;
    let revoked: Vec<_> =
        inactive.body.as_array().unwrap().iter().map(|token| &token["revoked"]).collect();
    assert_eq!(revoked, [&json!(true), &json!(false)]);
    let all = get(&gitlab, &format!("{LIST}?per_page=1000"), ADMIN).await;
    assert_eq!(numbers(&all), ["1", "100", "45", "1", "", ""]);
    assert_eq!(all.body[2]["created_at"], "2020-01-01T00:00:00.000Z");
    assert_eq!(all.body[3]["created_at"], TokenSpec::default().created_at, "that one alone");
    for query in ["state=dead", "page=x", "per_page=0"] {
        assert_eq!(get(&gitlab, &format!("{LIST}?{query}"), ADMIN).await.status, 400, "{query}");
    }

    let seen = gitlab.impersonation_tokens(2);
    assert!(seen.iter().map(|listed| &listed.token).eq(&tokens));
    assert_eq!((seen[0].state, seen[44].state), (TokenState::Revoked, TokenState::Active));
    // Made anew as another user's, it is no longer this one's.
    gitlab.add_token_with(&tokens[0], TokenSpec { user_id: 1, ..TokenSpec::default() });
    assert_eq!(gitlab.impersonation_tokens(2).len(), 44);
}

#[tokio::test]
async fn a_crowd_is_not_counted_and_one_of_it_is_found() {
    let gitlab = gitlab();
    let tokens: Vec<String> = (0..100_000).map(|n| format!("glpat-{n:020}")).collect();
    let spec = TokenSpec { kind: TokenKind::Impersonation, ..TokenSpec::default() };
    gitlab.add_tokens_with(tokens.iter().map(String::as_str), spec);
    let page = get(&gitlab, &format!("{LIST}?per_page=100&page=1000"), ADMIN).await;
    assert_eq!(page.body.as_array().unwrap().len(), 100);
    assert_eq!((page.header("x-total"), page.header("x-total-pages")), ("", ""));
    assert!(!page.header("link").contains("last"), "{}", page.header("link"));
    let id = &page.body[99]["id"];
    assert_eq!(delete(&gitlab, &format!("{LIST}/{id}"), ADMIN).await.status, 204);
    assert_eq!(gitlab.state(&tokens[99_999]), Some(TokenState::Revoked));
}
