//! `GET /metrics`: that it tells what happened, and nothing that a caller chose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use portcullis_chaos::Proxy;
use portcullis_fake_gitlab::JobSpec;
use portcullis_gateway::metrics::reference;
use portcullis_test_support::{SigningKey, private_jwks};
use reqwest::Method;
use serde_json::json;

use crate::auth::forged;
use crate::log::has_secret;
use crate::oidc::Issuer;
use crate::support::broker::{broker_toml, gitlab, given};
use crate::support::{
    ADMIN, Answer, Database, PAT_TYPE, PATIENCE, TestGateway, eventually, gitlab_toml, send,
};

const SCRAPER: &str = "the-scraping-token-of-these-tests-0123456789";

fn scraper() -> String {
    format!("[metrics]\ntoken = \"{SCRAPER}\"\n")
}

async fn ask(gateway: &TestGateway, token: &str) -> Answer {
    send(gateway.admin_request(Method::GET, "/metrics").bearer_auth(token)).await
}

/// The samples by name and labels, of a page whose format is right and which tells no secret.
struct Page(BTreeMap<String, f64>);

impl Page {
    async fn of(gateway: &TestGateway) -> Self {
        let answer = ask(gateway, ADMIN).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4"));
        assert!(!has_secret(&answer.text) && !answer.text.contains(SCRAPER), "{}", answer.text);
        Self(samples(&answer.text))
    }

    fn get(&self, sample: &str) -> f64 {
        self.0.get(&in_order(sample)).copied().unwrap_or(0.0)
    }

    fn has(&self, name: &str) -> bool {
        self.0.keys().any(|sample| sample.split('{').next() == Some(name))
    }

    fn of_name(&self, name: &str) -> f64 {
        let named = self.0.iter().filter(|(sample, _)| sample.split('{').next() == Some(name));
        named.map(|(_, value)| value).sum()
    }

    /// The names of all series, without those that time or the scrapes themselves may bring.
    fn series(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// The same sample with its labels in the order of their names.
fn in_order(sample: &str) -> String {
    let Some((name, labels)) = sample.split_once('{') else { return sample.to_owned() };
    let mut labels: Vec<&str> = labels.strip_suffix("\"}").unwrap().split("\",").collect();
    labels.sort_unstable();
    format!("{name}{{{}\"}}", labels.join("\","))
}

/// Reads the text format, and is strict: every sample has a family that was described before it, with a type,
/// and no sample comes twice.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let declared: BTreeMap<&str, &str> = reference::names().into_iter().collect();
    let (mut found, mut family) = (BTreeMap::new(), ("", ""));
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            family = (described.split(' ').next().unwrap(), "");
            assert!(declared.contains_key(family.0), "{line}");
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            assert_eq!((name, declared[name]), (family.0, kind), "{line}");
            family.1 = kind;
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let of_histogram =
                ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", family.0));
            let fits = match family.1 {
                "histogram" => of_histogram.iter().any(|one| one == name),
                _ => name == family.0,
            };
            assert!(fits && !family.1.is_empty(), "{line} in {family:?}");
            let before = found.insert(in_order(sample), value.parse().unwrap());
            assert_eq!(before, None, "twice: {line}");
        }
    }
    found
}

pub(crate) async fn admins_and_scrapers_read_them_and_nobody_else(database: Database) {
    let gateway = TestGateway::start(&database, &scraper()).await;
    let pat = gateway.mint().await.token;
    for (token, status) in [(ADMIN, 200), (SCRAPER, 200), (pat.as_str(), 401), ("", 401)] {
        assert_eq!(ask(&gateway, token).await.status, status);
    }
    let bare = send(gateway.admin_request(Method::GET, "/metrics")).await;
    assert_eq!((bare.status, bare.code()), (401, "unauthorized".to_owned()));
    // There before it happens: an increase from nothing is none, and wakes nobody.
    let given_up = in_order("portcullis_notices_total{webhook=\"(none)\",outcome=\"given_up\"}");
    assert_eq!(Page::of(&gateway).await.0.get(&given_up), Some(&0.0));
    let other = gateway.admin_request(Method::GET, "/v1/revocations").bearer_auth(SCRAPER);
    assert_eq!(send(other).await.status, 401, "it opens nothing else");
    assert_eq!(send(gateway.request(Method::GET, "/metrics").bearer_auth(ADMIN)).await.status, 404);
    gateway.stop().await;
}

/// Keys of ours: one that signs and says when it was made, one that will sign.
fn own_keys(database: &Database) -> String {
    let keys = ["ours", "next"].map(|kid| SigningKey::generate("ES256", kid));
    let mut set = serde_json::to_value(private_jwks(&keys)).unwrap();
    set["keys"][0]["iat"] = json!(1_700_000_000);
    set["keys"][1]["nbf"] = json!(4_000_000_000_u64);
    let file = database.folder().join("ours.json");
    fs::write(&file, set.to_string()).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

pub(crate) async fn everything_that_is_declared_is_told(database: Database) {
    let (gitlab, issuer, upstream) = (gitlab(), Issuer::start("ES256"), Issuer::start("ES256"));
    let toml = broker_toml(&gitlab, "revoke_seconds = 600")
        + &issuer.toml("")
        + &format!(
            "[oidc_proxy]\njwks_file = \"{}\"\nsigning_key_ids = {{ ES256 = \"ours\" }}\n\
             upstream_issuer = \"{}\"\n[[notifications]]\nname = \"hook\"\nformat = \"json\"\n\
             url = \"http://127.0.0.1:1/Mark0fAToken\"\n",
            own_keys(&database),
            upstream.site.url(),
        )
        + &scraper();
    let gateway = TestGateway::start(&database, &toml).await;
    let pat = gateway.mint().await.token;
    let lent = given(&gateway, &gitlab, &JobSpec::default()).await;
    assert_eq!(gateway.auth(&issuer.token(json!({}))).await.status, 200);
    assert_eq!(gateway.auth("nobody").await.status, 401);
    let body = json!([{ "type": PAT_TYPE, "token": pat, "location": "x" }]);
    assert_eq!(gateway.report(&body).await.status, 204);
    // Of the GitLab that is pretended nothing is said of the expiry of its administrator's token.
    // GitLab does not say it here, and TLS is not spoken.
    let silent = [
        "portcullis_impersonation_admin_token_expires_in_seconds",
        "portcullis_tls_certificate_expires_in_seconds",
        "portcullis_tls_certificate_fault",
    ];
    let missing = async || {
        let page = Page::of(&gateway).await;
        let told = |name: &str| page.has(name) || page.has(&format!("{name}_count"));
        let names = reference::names().into_iter().map(|(name, _)| name);
        names.filter(|name| !told(name) && !silent.contains(name)).collect::<Vec<_>>()
    };
    let whole = tokio::time::timeout(PATIENCE, async {
        while !missing().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    assert!(whole.await.is_ok(), "never told: {:?}", missing().await);
    let page = Page::of(&gateway).await;
    assert!(!format!("{:?}", page.0).contains(&lent));
    for (sample, value) in [
        ("portcullis_impersonation_tokens_total{outcome=\"issued\"}", 1.0),
        ("portcullis_signing_keys_file_fault", 0.0),
        ("portcullis_database_up", 1.0),
        ("portcullis_audit_stuck", 0.0),
        ("portcullis_queue_waiting{provider=\"impersonation\",state=\"planned\"}", 1.0),
    ] {
        assert!((page.get(sample) - value).abs() < 0.1, "{sample}: {:?}", page.0);
    }
    assert!(page.get("portcullis_audit_entries_total") > 2.0, "its beginning, a PAT, a loan");
    promtool(&ask(&gateway, ADMIN).await.text);
    gateway.stop().await;
}

/// The judge of the format, where it is installed.
fn promtool(text: &str) {
    let tool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let Ok(mut tool) = tool else { return };
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    // 3: it can be read, and something about names is not to promtool's taste.
    assert!(matches!(tool.wait().unwrap().code(), Some(0 | 3)));
}

pub(crate) async fn counters_move_as_things_happen(database: Database) {
    let issuer = Issuer::start("ES256");
    let gateway = TestGateway::start(&database, &issuer.toml("")).await;
    let pat = gateway.mint().await.token;
    let issuer_name = issuer.site.url();
    let auth = |method: &str, outcome: &str| {
        format!("portcullis_auth_total{{method=\"{method}\",outcome=\"{outcome}\"}}")
    };
    let jwt = |outcome: &str| {
        format!(
            "portcullis_token_verifications_total{{use=\"auth\",issuer=\"{issuer_name}\",\
             outcome=\"{outcome}\"}}"
        )
    };
    let own =
        |outcome: &str| format!("portcullis_pat_verifications_total{{outcome=\"{outcome}\"}}");
    let requests = |status: u16| {
        format!(
            "portcullis_http_requests_total{{listener=\"public\",route=\"/auth\",method=\"GET\",\
             status=\"{status}\"}}"
        )
    };
    let cached =
        |outcome: &str| format!("portcullis_pat_cache_lookups_total{{outcome=\"{outcome}\"}}");
    let good = issuer.token(json!({}));
    let expired = issuer.token(json!({ "exp": 1_000_000 }));
    let cases: [(&str, &[String]); 6] = [
        (&pat, &[auth("pat", "authenticated"), own("good"), requests(200), cached("miss")]),
        (&pat, &[auth("pat", "authenticated"), own("good"), requests(200)]),
        (&forged(&pat), &[auth("pat", "refused"), own("forged"), requests(401)]),
        (&good, &[auth("oidc", "authenticated"), jwt("verified"), requests(200)]),
        (&expired, &[auth("oidc", "refused"), jwt("expired"), requests(401)]),
        ("nobody-knows-it", &[auth("none", "refused"), requests(401)]),
    ];
    for (token, moved) in cases {
        let before = Page::of(&gateway).await;
        gateway.auth(token).await;
        let after = Page::of(&gateway).await;
        for sample in moved {
            let by = after.get(sample) - before.get(sample);
            assert!((by - 1.0).abs() < 0.1, "{sample} moved by {by}: {:?}", after.0);
        }
        let all = after.of_name("portcullis_auth_total") - before.of_name("portcullis_auth_total");
        assert!((all - 1.0).abs() < 0.1, "each request is counted once");
        let took =
            "portcullis_http_request_duration_seconds_count{listener=\"public\",route=\"/auth\"}";
        assert!((after.get(took) - before.get(took) - 1.0).abs() < 0.1);
    }
    gateway.stop().await;
}

pub(crate) async fn what_a_revocation_came_to_is_counted(database: Database) {
    let toml = gitlab_toml("http://127.0.0.1:1");
    let gateway = TestGateway::start(&database, &toml).await;
    let pat = gateway.mint().await.token;
    let token = format!("glpat-{}", "a".repeat(20));
    let away = json!([
        { "type": PAT_TYPE, "token": pat, "location": "x" },
        { "type": "gitleaks_rule_id_gitlab_personal_access_token", "token": token, "location": "x" },
        { "type": crate::support::GITLAB_TYPE, "token": token, "location": "x" },
    ]);
    gateway.report(&away).await;
    let told = async |name: &str, label: &str| {
        let page = Page::of(&gateway).await;
        let mut fit = page
            .0
            .iter()
            .filter(|(sample, _)| sample.split('{').next() == Some(name) && sample.contains(label));
        fit.any(|(_, value)| *value > 0.0).then_some(())
    };
    for (name, label) in [
        ("portcullis_provider_calls_total", "outcome=\"revoked\",provider=\"portcullis\""),
        ("portcullis_provider_calls_total", "outcome=\"retry\",provider=\"gitlab\""),
        ("portcullis_provider_call_duration_seconds_count", "provider=\"gitlab\""),
        ("portcullis_revocation_lateness_seconds_count", "provider=\"portcullis\""),
        ("portcullis_queue_waiting", "provider=\"gitlab\",state=\"due\""),
        ("portcullis_queue_oldest_overdue_seconds", "provider=\"gitlab\""),
    ] {
        eventually(PATIENCE, async || told(name, label).await).await;
    }
    gateway.stop().await;
}

/// Everything that a caller may choose, as odd as it can be sent.
async fn garbage(gateway: &TestGateway, round: usize) {
    for n in 0..20 {
        let odd = format!("Odd{round}x{n}");
        for path in [
            format!("/{odd}"),
            format!("/auth/as/{odd}"),
            format!("/auth/{odd}?scope={odd}"),
            format!("/v1/pats/{odd}"),
        ] {
            let method = Method::from_bytes(odd.to_uppercase().as_bytes()).unwrap();
            for method in [method, Method::GET] {
                send(gateway.request(method.clone(), &path).bearer_auth(&odd)).await;
                send(gateway.admin_request(method, &path).bearer_auth(&odd)).await;
            }
        }
        let body = json!([{ "type": odd, "token": odd, "location": odd }]);
        gateway.report(&body).await;
        let head = portcullis_test_support::base64url(format!("{{\"alg\":\"{odd}\"}}").as_bytes());
        let claims =
            portcullis_test_support::base64url(format!("{{\"iss\":\"{odd}\"}}").as_bytes());
        gateway.auth(&format!("{head}.{claims}.AAAA")).await;
    }
}

pub(crate) async fn nothing_that_a_caller_sends_becomes_a_label(database: Database) {
    let gateway = TestGateway::start(&database, &Issuer::start("ES256").toml("")).await;
    garbage(&gateway, 0).await;
    let first = Page::of(&gateway).await;
    garbage(&gateway, 1).await;
    let second = Page::of(&gateway).await;
    for sample in second.series() {
        assert!(!sample.to_lowercase().contains("odd"), "{sample}");
    }
    // Limits that begin to refuse may bring their own answers, once.
    let news = second.series().difference(&first.series()).count();
    assert!(news <= 12, "{news} new: {:?}", second.series().difference(&first.series()));
    gateway.stop().await;
}

/// Postgres alone can go away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_told_and_not_waited_for() {
    let postgres = portcullis_test_support::postgres().await;
    let (proxy, url) = Proxy::before(postgres.url()).await;
    let gateway = TestGateway::start(&Database::at(url), "").await;
    let up = async |wanted: f64| {
        let page = Page::of(&gateway).await;
        let told = (page.get("portcullis_database_up") - wanted).abs() < 0.1;
        told.then(|| page.has("portcullis_queue_waiting"))
    };
    assert!(eventually(PATIENCE, async || up(1.0).await).await, "what waits is told");
    proxy.freeze();
    let begun = std::time::Instant::now();
    assert!(!eventually(PATIENCE, async || up(0.0).await).await, "nothing stale is told");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    proxy.thaw();
    assert!(eventually(PATIENCE, async || up(1.0).await).await, "it is there again");
    gateway.stop().await;
}
