//! Whose failures are counted.

use reqwest::Method;

use super::start;
use crate::support::{Database, REPORTING, TestGateway, client_toml, send};

/// So many failures pass at once; a busy machine has time for a few more.
const BURST: usize = 20;

/// The statuses of so many failures of each kind, by the proxy's word `header`.
async fn failures(gateway: &TestGateway, times: usize, header: (&str, &str)) -> Vec<u16> {
    let mut answers = Vec::new();
    for _ in 0..times {
        let request = gateway.admin_request(Method::GET, "/v1/revocations").bearer_auth("wrong");
        answers.push(send(request.header(header.0, header.1)).await.status);
    }
    answers
}

async fn use_up(gateway: &TestGateway, header: impl Fn(usize) -> (&'static str, String)) {
    for n in 0..20 * BURST {
        let (name, value) = header(n);
        if failures(gateway, 1, (name, &value)).await == [429] {
            return;
        }
    }
    panic!("it has no end");
}

/// As it comes, nobody is trusted.
pub(crate) async fn a_stranger_is_believed_nothing(database: Database) {
    let gateway = start(&database, "", "").await;
    // Who was believed in one of these would be somebody else each time, and come to no end.
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let of = if name == "forwarded" { "for=" } else { "" };
        use_up(&gateway, |n| (name, format!("{of}203.0.{}.{}", n / 200, n % 200))).await;
    }
    gateway.stop().await;
}

pub(crate) async fn behind_a_trusted_proxy_each_client_counts_for_itself(database: Database) {
    let server = "trusted_proxies = [\"127.0.0.0/8\", \"192.0.2.0/24\"]";
    let gateway = start(&database, server, &client_toml("gitlab", REPORTING, "")).await;
    // What the client itself writes stands to the left, and what else it sends does not count.
    use_up(&gateway, |n| {
        ("x-forwarded-for", format!("10.9.9.{}, 203.0.113.7, 192.0.2.1", n % 200))
    })
    .await;
    let other = failures(&gateway, 5, ("x-forwarded-for", "203.0.113.8")).await;
    assert_eq!(other, [401; 5], "another client has failed nothing yet");
    let report = gateway.request(Method::POST, "/v1/revoke_tokens").body("[]");
    let limited = report.header("authorization", "wrong").header("x-forwarded-for", "203.0.113.8");
    assert_eq!(send(limited).await.status, 401);
    gateway.stop().await;
}
