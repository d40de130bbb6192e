//! Memory of a real gateway under floods. What is asserted are bounds, never speed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis_test_support::SigningKey;
use serde_json::json;

use super::{Wire, status};
use crate::oidc::Issuer;
use crate::support::{ADMIN, Database, GITLAB_TYPE, REPORTING, in_future};

const MIB: u64 = 1 << 20;

/// The binary, killed when dropped.
pub(crate) struct Spawned {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Spawned {
    pub(crate) fn start(database: &Database, rest: &str) -> Self {
        let logging = format!("[log]\nformat = \"json\"\n{rest}");
        let file = database.configuration((0, 0), &logging);
        let mut process = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "--config"])
            .arg(&file)
            .current_dir(database.folder())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("\"server.public\":\"")?;
            rest.split('"').next()?.parse().ok()
        });
        // Nobody may block on a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { process, address: address.expect("it says where it listens") }
    }

    /// Resident bytes, as the system counts them.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    async fn mint(&self) -> String {
        let body = json!({"name": "a", "owner": "user:ann", "scopes": [],
            "expires_at": in_future(Duration::from_hours(1))});
        let body = body.to_string();
        let mut wire = Wire::open(self.address).await;
        wire.send(format!(
            "POST /v1/pats HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ADMIN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        let answer = wire.answer().await;
        let (_, token) = answer.split_once("\"token\":\"").unwrap_or_else(|| panic!("{answer}"));
        token.split('"').next().unwrap().to_owned()
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Asks `/auth` with each of the tokens on one connection, and gives the statuses that came.
async fn ask(to: SocketAddr, tokens: impl Iterator<Item = String>) -> Vec<String> {
    let mut wire = Wire::open(to).await;
    let mut statuses = Vec::new();
    for token in tokens {
        let request =
            format!("GET /auth HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        assert!(wire.send(request).await);
        statuses.push(status(&wire.answer().await).to_owned());
    }
    statuses.sort();
    statuses.dedup();
    statuses
}

/// Forged PATs, JWTs with a wrong signature, with a key that nobody knows, and of no issuer; while a good
/// client is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_tokens_without_end_leave_nothing_behind() {
    const EACH: usize = 2500;
    let database = Database::sqlite().await;
    let (issuer, stranger) = (Issuer::start("ES256"), Issuer::start("ES256"));
    let gateway = Spawned::start(&database, &issuer.toml(""));
    let good = gateway.mint().await;
    let (to, unknown) = (gateway.address, SigningKey::generate("ES256", "nobody"));
    let signed = issuer.token(json!({}));
    let (signing_input, _) = signed.rsplit_once('.').unwrap();
    let of_unknown = unknown.sign(&issuer.claims(json!({})));
    let of_stranger = stranger.token(json!({}));
    let varied = |text: &str, n: usize| format!("{text}{n:08}");
    assert_eq!(ask(to, std::iter::repeat_n(good.clone(), 200)).await, ["200"]);
    assert_eq!(ask(to, std::iter::once(signed.clone())).await, ["200"]);
    let before = gateway.memory();
    let forged = |n| varied(&good[..good.len() - 8], n);
    let bad = |n| varied(&format!("{signing_input}.{}", "A".repeat(78)), n);
    let (of_pats, of_jwts, of_keys, of_others, served) = tokio::join!(
        ask(to, (0..EACH).map(forged)),
        ask(to, (0..EACH).map(bad)),
        ask(to, (0..EACH).map(|n| varied(&of_unknown[..of_unknown.len() - 8], n))),
        ask(to, (0..EACH).map(|n| varied(&of_stranger[..of_stranger.len() - 8], n))),
        ask(to, std::iter::repeat_n(good.clone(), EACH)),
    );
    assert_eq!([of_pats, of_jwts, of_keys, of_others], [(); 4].map(|()| vec!["401".to_owned()]));
    assert_eq!(served, ["200"], "a good client is served throughout");
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 24 * MIB, "{} KiB for {} tokens", grown >> 10, 4 * EACH);
    let fetched = issuer.site.count("/keys");
    assert!(fetched <= 2, "keys are not asked for again for every unknown one: {fetched}");
}

/// Reports whose items are as long as any are taken: they are committed before they fill the memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_large_items_are_committed_as_they_come() {
    let database = Database::sqlite().await;
    let gateway = Spawned::start(&database, "[revocation_api]\nmax_batch = 100000\n");
    gateway.mint().await;
    let before = gateway.memory();
    let item = |n: usize| {
        let token = format!("{n:08}{}", "t".repeat(16_000));
        json!({"type": GITLAB_TYPE, "token": token, "location": "l"}).to_string() + ","
    };
    let mut wire = Wire::open(gateway.address).await;
    let length = 4000 * item(0).len() + 1;
    wire.send(format!(
        "POST /v1/revoke_tokens HTTP/1.1\r\nHost: a\r\nAuthorization: {REPORTING}\r\n\
         Content-Length: {length}\r\n\r\n["
    ))
    .await;
    let mut most = before;
    for n in 0..3999 {
        assert!(wire.send(item(n)).await);
        most = most.max(gateway.memory());
    }
    let last = item(3999);
    wire.send([&last[..last.len() - 1], "]"].concat()).await;
    let answer = wire.answer().await;
    assert!(matches!(status(&answer), "204" | "400"), "{answer:.300}");
    let grown = (most - before) >> 20;
    assert!(grown < 48, "{grown} MiB for a body of {} MiB", length >> 20);
}
