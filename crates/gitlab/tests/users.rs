//! The calls about users against servers that say fixed things.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_gitlab::{Administrator, GitlabClient, NewImpersonationToken, UserFailure};
use portcullis_test_support::{Reply, Site, free_port};
use time::{Date, Month};

const ADMIN: &str = "glpat-administrators-000";
const TOKEN: &str = "glpat-0123456789abcdefghij";
const TOKENS: &str = "/api/v4/users/42/impersonation_tokens";
const USER: &str = "/api/v4/users/42";

fn gitlab_at(url: &str) -> GitlabClient {
    let options = ClientOptions { timeout: Duration::from_secs(5), ..ClientOptions::default() };
    GitlabClient::new(url.parse().unwrap(), client(&options).unwrap())
}

fn owner() -> Administrator {
    Administrator { token: SecretString::from(ADMIN), sudo: None }
}

fn acting_as(sudo: &str) -> Administrator {
    Administrator { sudo: Some(sudo.to_owned()), ..owner() }
}

fn scopes() -> Vec<String> {
    vec!["write_repository".to_owned(), "read_api".to_owned()]
}

fn new(scopes: &[String]) -> NewImpersonationToken<'_> {
    let expires_at = Date::from_calendar_date(2027, Month::January, 2).unwrap();
    NewImpersonationToken { user_id: 42, name: "a job & its token=ä", scopes, expires_at }
}

fn listing(page: u32) -> String {
    format!("{TOKENS}?state=active&per_page=100&page={page}")
}

fn created() -> String {
    format!(
        r#"{{"id":7,"token":"{TOKEN}","active":true,"expires_at":"2027-01-02","revoked":false}}"#
    )
}

fn saying_this(path: &str, status: u16, body: &str) -> Site {
    let site = Site::start();
    site.set(path, Reply { status, ..Reply::json(body) });
    site
}

async fn creation(status: u16, body: &str) -> UserFailure {
    creation_by(&owner(), status, body).await
}

async fn creation_by(by: &Administrator, status: u16, body: &str) -> UserFailure {
    let (gitlab, server) = hearing(json(&format!("{status} x"), body));
    let made = gitlab.create_impersonation_token(by, &new(&scopes())).await;
    server.join().unwrap();
    made.unwrap_err()
}

async fn revocation(status: u16, body: &str) -> Result<(), UserFailure> {
    let site = saying_this(&format!("{TOKENS}/7"), status, body);
    gitlab_at(site.url()).revoke_impersonation_token(&owner(), 42, 7).await
}

/// Answers one request with these bytes and closes; gives the request back, with its body.
fn hearing(answer: String) -> (GitlabClient, JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let gitlab = gitlab_at(&format!("http://{}", listener.local_addr().unwrap()));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let head = String::from_utf8(request).unwrap();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).unwrap();
        // The client may have heard enough before all is said.
        drop(stream.write_all(answer.as_bytes()));
        head + &String::from_utf8(body).unwrap()
    });
    (gitlab, server)
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nX-Gitlab-Meta: {{}}\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_token_is_made_with_a_form_as_somebody() {
    let (gitlab, server) = hearing(json("201 Created", &created()));
    let by = acting_as("token issuer&x=1");
    let made = gitlab.create_impersonation_token(&by, &new(&scopes())).await.unwrap();
    assert_eq!((made.id, made.token.expose_secret(), made.active), (7, TOKEN, Some(true)));
    assert_eq!(made.expires_at, Some(new(&[]).expires_at));
    assert!(!format!("{made:?} {by:?}").contains("glpat"));

    let request = server.join().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let line = format!("POST {TOKENS}?sudo=token+issuer%26x%3D1 HTTP/1.1\r\n");
    assert!(head.starts_with(&line), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(head.contains(&format!("\r\nprivate-token: {ADMIN}")), "{head}");
    assert!(head.contains("\r\ncontent-type: application/x-www-form-urlencoded"), "{head}");
    assert_eq!(
        body,
        "name=a+job+%26+its+token%3D%C3%A4&expires_at=2027-01-02\
         &scopes%5B%5D=write_repository&scopes%5B%5D=read_api"
    );
}

#[tokio::test]
async fn a_creation_that_cannot_be_read_may_have_happened() {
    let long = format!("{}{}", created(), " ".repeat(64 * 1024));
    let spaced = created().replace("glpat-", "glpat ");
    for body in ["", "<html>", "{}", r#"{"id":7}"#, r#"{"token":"glpat-x"}"#, &long, &spaced] {
        let failure = creation(201, body).await;
        assert_eq!(failure, UserFailure::NotGitlab { status: 201 });
        assert!(failure.may_have_happened());
    }
    for status in [200, 202, 301, 302] {
        let failure = creation(status, &created()).await;
        assert_eq!(failure, UserFailure::NotGitlab { status });
        assert!(failure.may_have_happened());
    }
}

#[tokio::test]
async fn a_refused_creation_has_not_happened() {
    let invalid = UserFailure::Invalid { fields: vec!["scopes"] };
    for (status, body, failure) in [
        (400, r#"{"message":{"scopes":["can only contain available scopes"]}}"#, invalid),
        (401, r#"{"message":"401 Unauthorized"}"#, UserFailure::AdminRefused),
        (403, r#"{"message":"403 Forbidden"}"#, UserFailure::AdminForbidden),
        (404, r#"{"message":"404 User Not Found"}"#, UserFailure::UnknownUser),
        (404, r#"{"error":"404 Not Found"}"#, UserFailure::NoSuchCall),
        (429, "Retry later", UserFailure::RateLimited { retry_after: None }),
    ] {
        assert_eq!(creation(status, body).await, failure);
        assert!(!failure.may_have_happened(), "{body}");
    }
    let nobody = r#"{"message":"404 User with ID or username 'root' Not Found"}"#;
    let failure = creation_by(&acting_as("root"), 404, nobody).await;
    assert_eq!(failure, UserFailure::UnknownSudo);
    assert!(!failure.may_have_happened());
}

#[tokio::test]
async fn trouble_on_the_way() {
    let failure = creation(502, "<html>").await;
    assert_eq!(failure, UserFailure::Server { status: 502, retry_after: None });
    assert!(failure.may_have_happened());

    let whole = json("201 Created", &created());
    for cut in [0, 20, whole.len() - 1] {
        let (gitlab, server) = hearing(whole[..cut].to_owned());
        let made = gitlab.create_impersonation_token(&owner(), &new(&scopes())).await;
        server.join().unwrap();
        let failure = made.unwrap_err();
        assert_eq!(failure, UserFailure::Lost, "{cut}");
        assert!(failure.may_have_happened());
    }

    let nobody = gitlab_at(&format!("http://127.0.0.1:{}", free_port()));
    let failure = nobody.create_impersonation_token(&owner(), &new(&scopes())).await.unwrap_err();
    assert_eq!(failure, UserFailure::Unreachable);
    assert!(!failure.may_have_happened());

    let site = Site::start();
    let gitlab = gitlab_at(site.url());
    for text in ["", "glpat-a\nb", "glpat a"] {
        let by = Administrator { token: SecretString::from(text), sudo: None };
        let made = gitlab.create_impersonation_token(&by, &new(&scopes())).await;
        assert_eq!(made.unwrap_err(), UserFailure::Unsendable, "{text:?}");
        let listed = gitlab.impersonation_tokens(&by, 42, 1).await;
        assert_eq!(listed.unwrap_err(), UserFailure::Unsendable, "{text:?}");
    }
    assert!(site.requests().is_empty());
}

#[tokio::test]
async fn a_list_is_asked_for_page_by_page_as_the_owner() {
    let entry = |id: u64| {
        let padding = "x".repeat(10_000);
        format!(
            r#"{{"id":{id},"name":"job {id}","active":true,"description":"{padding}",
                "created_at":"2026-06-17T08:41:01.787Z","token":"{TOKEN}"}}"#
        )
    };
    let of = |ids: std::ops::Range<u64>| {
        let entries: Vec<_> = ids.map(entry).collect();
        Reply::json(format!("[{}]", entries.join(",")))
    };
    let site = Site::start();
    site.set(&listing(1), of(0..100).header("X-Next-Page", "2"));
    let link = format!(r#"<{}{}>; rel="next""#, site.url(), listing(3));
    site.set(&listing(2), of(100..200).header("Link", &link));
    site.set(&listing(3), of(200..300));
    site.set(&listing(4), of(300..301).header("X-Next-Page", ""));
    let gitlab = gitlab_at(site.url());
    let (mut next, mut ids) = (Some(1), Vec::new());
    while let Some(page) = next {
        let told = gitlab.impersonation_tokens(&acting_as("root"), 42, page).await.unwrap();
        assert!(!format!("{told:?}").contains(TOKEN));
        ids.extend(told.items.iter().map(|token| token.id));
        assert!(told.items.iter().all(|token| token.name == format!("job {}", token.id)));
        next = told.next;
    }
    assert_eq!(ids, (0..301).collect::<Vec<u64>>());
    assert_eq!(site.requests(), [listing(1), listing(2), listing(3), listing(4)]);
}

#[tokio::test]
async fn a_list_that_might_hide_something_is_none() {
    let list = async |reply: Reply| {
        let site = Site::start();
        site.set(&listing(1), reply);
        gitlab_at(site.url()).impersonation_tokens(&owner(), 42, 1).await
    };
    assert_eq!(list(Reply::json("[]")).await.unwrap().items, []);
    let strange = UserFailure::NotGitlab { status: 200 };
    let long = format!("[]{}", " ".repeat(2 * 1024 * 1024));
    for body in ["", "{}", "<html>", r#"[{"id":1}]"#, r#"[{"name":"x"}]"#, &long] {
        assert_eq!(list(Reply::json(body)).await.unwrap_err(), strange);
    }
    for astray in ["1", "3", "x"] {
        let reply = Reply::json("[]").header("X-Next-Page", astray);
        assert_eq!(list(reply).await.unwrap_err(), strange, "{astray}");
    }
    let unknown = Reply { status: 404, ..Reply::json(r#"{"message":"404 User Not Found"}"#) };
    assert_eq!(list(unknown).await.unwrap_err(), UserFailure::UnknownUser);
}

#[tokio::test]
async fn only_a_204_says_that_a_token_is_revoked() {
    assert_eq!(revocation(204, "").await, Ok(()));
    for status in [200, 202, 205, 412] {
        assert_eq!(revocation(status, "").await, Err(UserFailure::NotGitlab { status }));
    }
    let gone = r#"{"message":"404 Impersonation Token Not Found"}"#;
    assert_eq!(revocation(404, gone).await, Err(UserFailure::UnknownToken));
    let nobody = r#"{"message":"404 User Not Found"}"#;
    assert_eq!(revocation(404, nobody).await, Err(UserFailure::UnknownUser));
    for page in ["", "<html>404 Impersonation Token Not Found</html>", r#"{"message":"gone"}"#] {
        assert_eq!(revocation(404, page).await, Err(UserFailure::NotGitlab { status: 404 }));
    }

    let (gitlab, server) = hearing("HTTP/1.1 204 No Content\r\n\r\n".to_owned());
    gitlab.revoke_impersonation_token(&acting_as("9"), 42, 7).await.unwrap();
    let request = server.join().unwrap();
    assert!(request.starts_with(&format!("DELETE {TOKENS}/7?sudo=9 HTTP/1.1\r\n")), "{request}");
}

#[tokio::test]
async fn a_user_is_asked_for_as_the_owner() {
    let user = async |status: u16, body: &str| {
        let site = saying_this(USER, status, body);
        gitlab_at(site.url()).user(&acting_as("root"), 42).await
    };
    let told = user(200, r#"{"id":42,"username":"jo","is_admin":false,"state":"active"}"#).await;
    let told = told.unwrap();
    assert_eq!((told.username.as_str(), told.is_admin), ("jo", Some(false)));
    assert_eq!(told.state.as_deref(), Some("active"));
    let strange = UserFailure::NotGitlab { status: 200 };
    for other in ["{}", r#"{"id":43,"username":"jo"}"#, r#"[{"id":42,"username":"jo"}]"#] {
        assert_eq!(user(200, other).await.unwrap_err(), strange, "{other}");
    }
    let nobody = r#"{"message":"404 User Not Found"}"#;
    assert_eq!(user(404, nobody).await.unwrap_err(), UserFailure::UnknownUser);
}

#[tokio::test]
async fn a_gitlab_may_live_below_a_path() {
    let site = Site::start();
    site.set(&format!("/tools/gitlab{TOKENS}/7"), Reply::status(204));
    let gitlab = gitlab_at(&format!("{}/tools/gitlab/?a=b#c", site.url()));
    gitlab.revoke_impersonation_token(&owner(), 42, 7).await.unwrap();
}

#[tokio::test]
async fn no_failure_carries_a_secret_or_the_body() {
    let echo = format!("{ADMIN}, {TOKEN}, SECRET");
    for (status, code) in [
        (201, "not_gitlab"),
        (400, "invalid"),
        (401, "not_gitlab"),
        (403, "admin_token_forbidden"),
        (404, "user_api_missing"),
        (429, "rate_limited"),
        (500, "server"),
    ] {
        let failure = creation(status, &format!(r#"{{"message":"{status} {echo}"}}"#)).await;
        assert_eq!(failure.code(), code, "{status}");
        let told = format!("{failure} {failure:?}");
        assert!(!told.contains("glpat") && !told.contains("SECRET"), "{told}");
    }
}
