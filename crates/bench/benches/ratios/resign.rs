//! `POST /token` of the re-signer: a token of an upstream in, one of ours out, against the two
//! signatures alone, and against the origin.

use std::fs;
use std::path::Path;
use std::time::Duration;

use portcullis_base::{Clock as _, SystemClock};
use portcullis_test_support::{Reply, SigningKey, Site, jwks, private_jwks, scratch_dir};
use serde_json::{Value, json};

use crate::database::Database;
use crate::load::Load;
use crate::measure::{median, percentile};
use crate::origin;
use crate::process::{Gateway, Process};
use crate::row::Row;
use crate::speed::{P256, RSA_2048, openssl_speed};

const CONNECTIONS: [usize; 3] = [1, 8, 32];
/// The bars are set where nobody waits for a request.
const BUSY: usize = 32;
const ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(1);

/// Each is sent again only when all others were, and is not remembered by then.
const TOKENS: usize = 2_000;

/// By which we sign, what of the two signatures' speed is to be left, and how many times the origin.
const CASES: [(&str, f64, f64); 2] = [("RS256", 0.93, 3.5), ("ES256", 0.70, 12.0)];

/// A server that takes the same requests as the other.
struct Server {
    process: Process,
    port: u16,
}

/// What one server did under one load.
struct Seen {
    /// Requests for each second of its own processor time.
    pace: f64,
    /// Milliseconds until each answer.
    times: Vec<f64>,
}

impl Server {
    async fn measure(&self, bodies: &[String], connections: usize) -> Seen {
        let load = Load::post(self.port, "/token", bodies, connections);
        load.run(WARM_UP).await;
        let (mut paces, mut times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let before = self.process.used();
            let tally = load.good(ROUND).await;
            let used = self.process.used().saturating_sub(before);
            paces.push(crate::measure::per_second(tally.times.len(), used));
            times.extend(tally.times);
        }
        Seen { pace: median(paces), times }
    }
}

pub(crate) async fn rows() -> Vec<Row> {
    let (upstream, folder) = (Upstream::start(), scratch_dir());
    let ours = ["RS256", "ES256"].map(|name| SigningKey::generate(name, name));
    let file = folder.path().join("keys.json");
    fs::write(&file, private_jwks(&ours).to_string()).expect("a file can be written");
    let database = Database::sqlite();
    let (gateway, _) = Gateway::start_with(&database.url(), &upstream.section(&file)).await;
    let gateway = Server { port: gateway.port, process: gateway.process };
    let settings = upstream.settings(&file);
    let origin =
        origin::start(&settings, folder.path()).map(|(process, port)| Server { process, port });
    if let Err(why) = &origin {
        eprintln!("the origin cannot be had, so there is no row for it: {why}");
    }
    let [rsa, p256] = openssl_speed([RSA_2048, P256]);
    let mut rows = Vec::new();
    for ((algorithm, raw_bar, origin_bar), signatures) in
        CASES.into_iter().zip([rsa.signatures, p256.signatures])
    {
        let bodies = upstream.bodies(algorithm);
        // One after the other on one core.
        let raw = 1.0 / (1.0 / rsa.verifications + 1.0 / signatures);
        let mut busy = 0.0;
        for connections in CONNECTIONS {
            let seen = gateway.measure(&bodies, connections).await;
            busy = seen.pace;
            let bar = (connections == BUSY).then_some(raw_bar);
            rows.push(against_openssl(algorithm, connections, &seen, raw, bar));
        }
        if let Ok(origin) = &origin {
            let theirs = origin.measure(&bodies, BUSY).await;
            rows.push(against_origin(algorithm, busy, &theirs, origin_bar));
        }
    }
    rows
}

fn against_openssl(
    algorithm: &str,
    connections: usize,
    seen: &Seen,
    raw: f64,
    bar: Option<f64>,
) -> Row {
    let what = format!("POST /token, RS256 to {algorithm}, {connections} at a time");
    let unit = "requests per second of its processor time";
    let row = match bar {
        Some(bar) => Row::ratio(what, unit, seen.pace, raw, bar),
        None => Row::beside(what, unit, seen.pace, raw),
    };
    row.noting(format!(
        "{:.1} µs a request, the two signatures of `openssl speed` {:.1} µs; {}",
        1e6 / seen.pace,
        1e6 / raw,
        waits(seen)
    ))
}

fn against_origin(algorithm: &str, ours: f64, theirs: &Seen, bar: f64) -> Row {
    let what = format!("the same, RS256 to {algorithm}, against oidc-token-proxy on waitress");
    Row::ratio(what, "requests per second of its processor time", ours, theirs.pace, bar)
        .noting(format!("the origin: {:.0} µs a request, {}", 1e6 / theirs.pace, waits(theirs)))
}

fn waits(seen: &Seen) -> String {
    let (p50, p99) = (median(seen.times.clone()), percentile(seen.times.clone(), 99));
    format!("p50 {p50:.2} ms, p99 {p99:.2} ms")
}

/// An issuer that signs by RS256.
struct Upstream {
    key: SigningKey,
    site: Site,
}

impl Upstream {
    fn start() -> Self {
        let (key, site) = (SigningKey::generate("RS256", "upstream"), Site::start());
        site.set("/keys", Reply::json(jwks([&key])));
        Self { key, site }
    }

    /// Requests with a token each, and no two the same.
    fn bodies(&self, algorithm: &str) -> Vec<String> {
        let now = SystemClock.now_ms() / 1000;
        let body = |number: usize| {
            let token = self.key.sign(&self.claims(now, number));
            json!({ "token": token, "alg": algorithm }).to_string()
        };
        (0..TOKENS).map(body).collect()
    }

    /// What a GitLab 18 job token carries, more or less.
    fn claims(&self, now: i64, job: usize) -> Value {
        json!({
            "iss": self.site.url(), "aud": "sts.amazonaws.com", "exp": now + 3600, "iat": now,
            "nbf": now - 5, "sub": "project_path:group/project:ref_type:branch:ref:main",
            "jti": format!("6a5ae7ce-54d7-4b31-b6b9-{job:012}"), "namespace_id": "72",
            "namespace_path": "group", "project_id": "20", "project_path": "group/project",
            "user_id": "1", "user_login": "alice", "pipeline_id": "574", "job_id": job.to_string(),
            "ref": "main", "ref_type": "branch", "ref_protected": "true",
        })
    }

    /// One token is remembered: what comes is never what came before, and all that a first sight costs is paid.
    fn section(&self, file: &Path) -> String {
        format!(
            r#"
[oidc_proxy]
issuer = "https://oidc.example.com"
jwks_file = "{}"
signing_key_ids = {{ RS256 = "RS256", ES256 = "ES256" }}
default_signing_alg = "RS256"
upstream_issuer = "{1}"
upstream_jwks_uri = "{1}/keys"
clone_upstream_claims = ["sub"]
[auth]
token_cache = 1
"#,
            file.display(),
            self.site.url(),
        )
    }

    /// The same as the origin has it.
    fn settings(&self, file: &Path) -> Value {
        json!({
            "issuer": "https://oidc.example.com",
            "jwks_file": file,
            "signing_key_ids": { "RS256": "RS256", "ES256": "ES256" },
            "default_signing_alg": "RS256",
            "upstream_issuer": self.site.url(),
            "upstream_jwks_uri": format!("{}/keys", self.site.url()),
            "clone_upstream_claims": "sub",
        })
    }
}
