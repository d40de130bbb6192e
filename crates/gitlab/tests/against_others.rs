//! The client against servers that are no GitLab, or that break off: each says fixed bytes.

use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;
use portcullis_gitlab::{Failure, GitlabClient};

const TOKEN: &str = "glpat-0123456789abcdefghij";

/// Answers one request with these bytes and closes; gives the request back.
fn saying(answer: Vec<u8>) -> (GitlabClient, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let options = ClientOptions { timeout: Duration::from_secs(5), ..ClientOptions::default() };
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        // The client may have heard enough before all is said.
        drop(stream.write_all(&answer));
        String::from_utf8(request).unwrap()
    });
    (GitlabClient::new(url, client(&options).unwrap()), server)
}

async fn failure(answer: impl Into<Vec<u8>>) -> Failure {
    let (gitlab, server) = saying(answer.into());
    let failure = gitlab.self_token(&SecretString::from(TOKEN)).await.unwrap_err();
    server.join().unwrap();
    failure
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other, elsewhere) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), "/elsewhere");
    let to = other.local_addr().unwrap();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let code = status[..3].parse().unwrap();
        let answer = format!(
            "HTTP/1.1 {status}\r\nLocation: http://{to}{elsewhere}\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(failure(answer).await, Failure::NotGitlab { status: code });
    }
    other.set_nonblocking(true).unwrap();
    let error = other.accept().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}

#[tokio::test]
async fn a_success_in_another_shape_is_none() {
    for body in ["", "{}", "[]", "null", "<html></html>", r#"{"id":"5"}"#, r#"{"id":-1}"#] {
        let strange = Failure::NotGitlab { status: 200 };
        assert_eq!(failure(json("200 OK", body)).await, strange, "{body}");
    }
    for status in ["201 Created", "202 Accepted", "203 Non-Authoritative Information"] {
        let code = status[..3].parse().unwrap();
        let strange = Failure::NotGitlab { status: code };
        assert_eq!(failure(json(status, r#"{"id":5}"#)).await, strange);
    }
}

#[tokio::test]
async fn only_a_204_says_that_it_is_revoked() {
    for status in ["200 OK", "202 Accepted", "205 Reset Content"] {
        let (gitlab, server) = saying(json(status, "").into());
        let answer = gitlab.revoke_self(&SecretString::from(TOKEN)).await;
        assert_eq!(answer.unwrap_err().code(), "not_gitlab", "{status}");
        server.join().unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_lost() {
    let whole = json("401 Unauthorized", r#"{"message":"401 Unauthorized"}"#);
    assert_eq!(failure(whole.clone()).await, Failure::Unauthorized);
    for cut in [0, 5, 20, 60, whole.len() - 1] {
        assert_eq!(failure(&whole.as_bytes()[..cut]).await, Failure::Lost, "{cut}");
    }
    assert_eq!(failure("SSH-2.0-OpenSSH_9.2\r\n").await, Failure::Lost);
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let padding = " ".repeat(64 * 1024);
    let said = r#"{"message":"401 Unauthorized"}"#;
    let longest = format!("{}{said}", &padding[said.len()..]);
    assert_eq!(failure(json("401 Unauthorized", &longest)).await, Failure::Unauthorized);
    let long = json("401 Unauthorized", &format!(r#"{padding}{{"message":"401 Unauthorized"}}"#));
    assert_eq!(failure(long).await, Failure::NotGitlab { status: 401 });
    let endless = "HTTP/1.1 404 Not Found\r\nContent-Length: 99999999999\r\n\r\n".to_owned();
    let endless = endless + &padding + &padding;
    assert_eq!(failure(endless).await, Failure::NotGitlab { status: 404 });
    // Nor does nesting without end get anywhere.
    let deep = json("403 Forbidden", &format!(r#"{{"message":{}"#, "[".repeat(60_000)));
    assert_eq!(failure(deep).await, Failure::NotGitlab { status: 403 });
}

#[tokio::test]
async fn a_date_to_retry_at_counts_from_the_answers_own_date() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nDate: Wed, 17 Jun 2026 08:42:30 GMT\r\n\
                  Retry-After: Wed, 17 Jun 2026 08:44:00 GMT\r\nContent-Length: 0\r\n\r\n";
    let retry_after = Some(Duration::from_secs(90));
    assert_eq!(failure(answer).await, Failure::Server { status: 503, retry_after });
}

#[tokio::test]
async fn no_failure_carries_the_body() {
    let echo = format!("{TOKEN}, SECRET");
    for (status, body, code) in [
        ("401 Unauthorized", format!(r#"{{"error":"invalid_token","x":"{echo}"}}"#), "unusable"),
        (
            "401 Unauthorized",
            format!(r#"{{"message":"401 Unauthorized","x":"{echo}"}}"#),
            "unauthorized",
        ),
        ("400 Bad Request", format!(r#"{{"message":"400 Bad request - {echo}"}}"#), "bad_request"),
        ("403 Forbidden", format!(r#"{{"message":"403 Forbidden - {echo}"}}"#), "forbidden"),
        ("404 Not Found", format!(r#"{{"message":"404 {echo}"}}"#), "not_found"),
        ("429 Too Many Requests", echo.clone(), "rate_limited"),
        ("500 Internal Server Error", echo.clone(), "server"),
        ("200 OK", echo.clone(), "not_gitlab"),
    ] {
        let failure = failure(json(status, &body)).await;
        assert_eq!(failure.code(), code, "{body}");
        assert!(failure.source().is_none(), "a cause could tell more");
        let told = format!("{failure} {failure:?} {failure:#?}");
        assert!(!told.contains(TOKEN) && !told.contains("SECRET"), "{told}");
    }
}

#[tokio::test]
async fn nothing_shows_the_token_or_what_the_other_side_wrote() {
    let echo = json("401 Unauthorized", &format!(r#"{{"message":"no {TOKEN}, SECRET"}}"#));
    let (gitlab, server) = saying(echo.into());
    let failure = gitlab.self_token(&SecretString::from(TOKEN)).await.unwrap_err();
    let request = server.join().unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /api/v4/personal_access_tokens/self http/1.1\r\n"));
    assert!(request.contains(&format!("\r\nprivate-token: {TOKEN}\r\n")), "{request}");

    let told = format!("{failure} {failure:?} {} {gitlab:?}", failure.code());
    assert!(!told.contains(TOKEN) && !told.contains("SECRET"), "{told}");
    let http = client(&ClientOptions::default()).unwrap();
    let named =
        GitlabClient::new("https://user:hunter2@gitlab.example.com/x".parse().unwrap(), http);
    assert_eq!(format!("{named:?}"), "GitlabClient(gitlab.example.com)");
}
