//! The example file names every key that is read, and tells the truth about each default.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "example/reference.rs"]
mod reference;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::X509;
use portcullis_gateway::config::{self, Environment, KnownKey, Reading, Sources};
use portcullis_gateway::data_dir::{DEFAULT, DataDir};
use portcullis_test_support::{Authority, Life, SigningKey, jwks, private_jwks};

const EXAMPLE: &str = include_str!("../../../config/portcullis.example.toml");
const VENDORS: &str = include_str!("../../../docs/providers.md");

fn read(dir: &Path, text: &str) -> Reading {
    let file = dir.join("portcullis.toml");
    fs::write(&file, text).unwrap();
    let data_dir = DataDir::at(DEFAULT);
    config::read(&Sources { file: Some(file), data_dir, environment: Environment::default() })
}

fn certificate() -> Vec<u8> {
    let key = PKey::generate_ed25519().unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::null()).unwrap();
    builder.build().to_pem().unwrap()
}

/// The example with every commented key in force.
fn uncommented(dir: &Path) -> String {
    let ca = dir.join("ca.pem");
    fs::write(&ca, certificate()).unwrap();
    let own = Authority::new("a CA").issue(&["gw.example.com"], Life::Days(30));
    fs::write(dir.join("tls.crt"), own.certificate).unwrap();
    fs::write(dir.join("tls.key"), own.private_key).unwrap();
    let keys = dir.join("keys.json");
    fs::write(&keys, jwks([&SigningKey::generate("ES256", "k1")]).to_string()).unwrap();
    let own = dir.join("signing-keys.json");
    let ours = [("RS256", "2026-11"), ("ES256", "2026-11-ec"), ("EdDSA", "2026-11-ed")];
    let ours = ours.map(|(algorithm, id)| SigningKey::generate(algorithm, id));
    fs::write(&own, private_jwks(&ours).to_string()).unwrap();
    let partner = [("partner-key", 0o600), ("partner-key-before", 0o644)].map(|(name, mode)| {
        let (file, group) = (dir.join(name), EcGroup::from_curve_name(Nid::X9_62_PRIME256V1));
        let key = EcKey::generate(&group.unwrap()).unwrap();
        let pem = if mode == 0o600 { key.private_key_to_pem() } else { key.public_key_to_pem() };
        fs::write(&file, pem.unwrap()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        file
    });
    let in_force = |line: &str| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => {
            key.to_owned()
        }
        _ => line.to_owned(),
    };
    let text: Vec<String> = EXAMPLE.lines().map(in_force).collect();
    text.join("\n")
        .replace("<32 random bytes in base64url>", &"A".repeat(43))
        .replace("<a long random token>", "example-token-of-an-operator")
        .replace("<another long random token>", "example-token-of-a-reporter")
        .replace("<a token of an administrator>", "glpat-example-administrator")
        .replace("<your own at this vendor's>", "example-credential-of-ours")
        .replace("<a token for scraping>", "example-token-of-a-scraper")
        .replace("<a long random key>", "example-key-of-signatures")
        .replace("<a random key in base64url>", &"E".repeat(43))
        .replace("/etc/portcullis/internal-ca.pem", ca.to_str().unwrap())
        .replace("/etc/portcullis/operators.pem", ca.to_str().unwrap())
        .replace("/etc/portcullis/tls.", &format!("{}/tls.", dir.display()))
        .replace("/etc/portcullis/admin.", &format!("{}/tls.", dir.display()))
        .replace("/etc/portcullis/keys.json", keys.to_str().unwrap())
        .replace("/etc/portcullis/signing-keys.json", own.to_str().unwrap())
        .replace("/etc/portcullis/partner-key.pem", partner[0].to_str().unwrap())
        .replace("/etc/portcullis/partner-key-before.pem", partner[1].to_str().unwrap())
}

/// The same with each "# or:" in the place of the key before it.
fn alternatives(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let others = lines.iter().enumerate().filter_map(|(i, line)| {
        let other = line.strip_prefix("# or: ")?;
        let replaced = lines[..i].iter().rposition(|line| !line.starts_with("# or: ")).unwrap();
        let mut lines = lines.clone();
        lines[replaced] = other;
        Some(lines.join("\n"))
    });
    others.collect()
}

fn all(known: &[KnownKey]) -> Vec<&str> {
    let mut keys: Vec<&str> = known.iter().map(|k| k.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[test]
fn as_it_stands_it_is_the_default_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let (example, empty) = (read(dir.path(), EXAMPLE), read(dir.path(), ""));
    assert_eq!(format!("{:?}", example.config.unwrap()), format!("{:?}", empty.config.unwrap()));
    assert_eq!(example.warnings, Vec::<String>::new());
}

#[test]
fn with_every_key_in_force_it_is_good_and_every_default_in_it_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let whole = uncommented(dir.path());
    let mut known = Vec::new();
    for text in alternatives(&whole).iter().chain([&whole]) {
        let reading = read(dir.path(), text);
        let problems = reading.config.as_ref().err();
        assert_eq!(problems, None);
        known.extend(reading.known);
    }
    for key in all(&known) {
        let met: Vec<_> = known.iter().filter(|k| k.key == key).collect();
        assert!(met.iter().any(|k| k.given), "{key} is not in the example");
        assert!(met.iter().all(|k| k.default != Some(false)), "{key} is not at its default");
    }
}

#[test]
fn what_the_page_of_vendors_shows_can_be_configured() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("acme-token");
    fs::write(&file, "of-the-operator").unwrap();
    let blocks: Vec<&str> = VENDORS.split("```toml\n").skip(1).collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let text = block.split("```").next().unwrap();
        let text = text.replace("/etc/portcullis/acme-token", file.to_str().unwrap());
        let reading = read(dir.path(), &text);
        assert_eq!(reading.config.as_ref().err(), None, "{text}");
        assert_eq!(reading.config.unwrap().revocation.providers.len(), 2, "{text}");
    }
}

#[test]
fn the_placeholders_of_secrets_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for line in EXAMPLE.lines().filter(|line| line.contains("= \"<") || line.contains("[\"<")) {
        let (section, rest) = if line.contains("master_key") || line.contains("admin_tokens") {
            ("[secrets]\n", line)
        } else if line.contains("signing_keys") {
            ("[pat]\n", line)
        } else if line.contains("credential ") {
            ("[[revocation.providers]]\nkind = \"http\"\npreset = \"slack\"\n", line)
        } else if line.contains("admin_token ") {
            ("[[revocation.providers]]\nkind = \"gitlab\"\nurl = \"https://a.example\"\n", line)
        } else if line.contains("signing_secret") {
            (
                "[[notifications]]\nname = \"x\"\nurl = \"https://a.example\"\nformat = \"json\"\n",
                line,
            )
        } else {
            ("[[revocation_api.clients]]\nname = \"x\"\n", line)
        };
        let reading = read(dir.path(), &format!("{section}{}\n", &rest[1..]));
        assert_eq!(reading.config.unwrap_err().len(), 1, "{line}");
    }
}

#[test]
fn the_reference_is_what_the_code_says() {
    let dir = tempfile::tempdir().unwrap();
    let reading = read(dir.path(), &uncommented(dir.path()));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    up_to_date(&file, &reference::page(EXAMPLE, &reading.known));
}

#[test]
fn the_reference_of_metrics_is_that_of_their_list() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    up_to_date(&file, &portcullis_gateway::metrics::reference::markdown());
}

/// Whether a page that is made from the code is what the code would make; `make reference` makes it.
fn up_to_date(file: &Path, made: &str) {
    if option_env!("PORTCULLIS_RENEW").is_some() {
        fs::write(file, made).unwrap();
    }
    let there = fs::read_to_string(file).unwrap_or_default();
    assert!(there == made, "{} is stale: make reference", file.display());
}

/// Reviewed by hand: a key that appears or goes is a change that users see.
#[test]
#[expect(clippy::too_many_lines, reason = "a list")]
fn these_are_all_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let reading = read(dir.path(), &uncommented(dir.path()));
    assert_eq!(
        all(&reading.known),
        [
            "audit.retention",
            "auth.methods",
            "auth.oidc",
            "auth.oidc[].audiences",
            "auth.oidc[].authority",
            "auth.oidc[].ca_file",
            "auth.oidc[].issuer",
            "auth.oidc[].jwks_file",
            "auth.oidc[].jwks_url",
            "auth.oidc[].trust_email",
            "auth.profiles.deploy.scopes",
            "auth.token_cache",
            "database.max_connections",
            "database.url",
            "gerrit.audience",
            "gerrit.ca_file",
            "gerrit.certs_url",
            "gerrit.changes",
            "gerrit.header",
            "gerrit.hosts",
            "gerrit.repositories",
            "gerrit.signer_accounts",
            "http.ca_file",
            "http.proxy",
            "impersonation.admin_token",
            "impersonation.allow_admins",
            "impersonation.allow_forks",
            "impersonation.ca_file",
            "impersonation.gitlab_url",
            "impersonation.jwt.audiences",
            "impersonation.jwt.authority",
            "impersonation.jwt.issuer",
            "impersonation.jwt.jwks_file",
            "impersonation.jwt.jwks_url",
            "impersonation.jwt.validate_audience",
            "impersonation.log_claims",
            "impersonation.mount",
            "impersonation.paused",
            "impersonation.per_project.burst",
            "impersonation.per_project.per_second",
            "impersonation.per_user.burst",
            "impersonation.per_user.per_second",
            "impersonation.revoke_seconds",
            "impersonation.rules",
            "impersonation.rules[].claims",
            "impersonation.rules[].revoke_seconds",
            "impersonation.rules[].scopes",
            "impersonation.scopes",
            "impersonation.single_use",
            "impersonation.sudo_user",
            "log.filter",
            "log.format",
            "metrics.token",
            "notifications",
            "notifications[].ca_file",
            "notifications[].format",
            "notifications[].name",
            "notifications[].on",
            "notifications[].signing_secret",
            "notifications[].types",
            "notifications[].url",
            "oidc_proxy.audiences",
            "oidc_proxy.ca_file",
            "oidc_proxy.cache_max_age",
            "oidc_proxy.clone_upstream_claims",
            "oidc_proxy.default_signing_alg",
            "oidc_proxy.extra_request_headers.x-forwarded-proto",
            "oidc_proxy.issuer",
            "oidc_proxy.jwks_file",
            "oidc_proxy.max_lifetime",
            "oidc_proxy.mount",
            "oidc_proxy.once",
            "oidc_proxy.rules",
            "oidc_proxy.rules[].claims",
            "oidc_proxy.signing_algs",
            "oidc_proxy.signing_key_ids",
            "oidc_proxy.subject",
            "oidc_proxy.subject_separator",
            "oidc_proxy.token_id",
            "oidc_proxy.upstream_authority",
            "oidc_proxy.upstream_issuer",
            "oidc_proxy.upstream_jwks_cache_max_age",
            "oidc_proxy.upstream_jwks_file",
            "oidc_proxy.upstream_jwks_uri",
            "oidc_proxy.upstream_timeout",
            "oidc_proxy.upstreams",
            "oidc_proxy.upstreams[].authority",
            "oidc_proxy.upstreams[].ca_file",
            "oidc_proxy.upstreams[].extra_request_headers.x-forwarded-proto",
            "oidc_proxy.upstreams[].issuer",
            "oidc_proxy.upstreams[].jwks_cache_max_age",
            "oidc_proxy.upstreams[].jwks_file",
            "oidc_proxy.upstreams[].jwks_uri",
            "oidc_proxy.upstreams[].timeout",
            "partners.github.keys_url",
            "partners.github.max_body",
            "partners.github.types",
            "partners.gitlab.keys_url",
            "partners.gitlab.max_body",
            "partners.gitlab.types",
            "pat.max_lifetime",
            "pat.prefix",
            "pat.signing_keys",
            "revocation.call_timeout",
            "revocation.concurrency",
            "revocation.formats",
            "revocation.give_up_after",
            "revocation.keep_ended",
            "revocation.lease_margin",
            "revocation.modes",
            "revocation.poll_interval",
            "revocation.providers",
            "revocation.providers[].admin_token",
            "revocation.providers[].base_url",
            "revocation.providers[].batch",
            "revocation.providers[].body",
            "revocation.providers[].ca_file",
            "revocation.providers[].credential",
            "revocation.providers[].headers",
            "revocation.providers[].inactive",
            "revocation.providers[].inactive[].confirmed",
            "revocation.providers[].inactive[].status",
            "revocation.providers[].inactive[].where",
            "revocation.providers[].kind",
            "revocation.providers[].method",
            "revocation.providers[].name",
            "revocation.providers[].preset",
            "revocation.providers[].previous_key_files",
            "revocation.providers[].rate.per",
            "revocation.providers[].rate.requests",
            "revocation.providers[].refused",
            "revocation.providers[].refused[].status",
            "revocation.providers[].refused[].where",
            "revocation.providers[].retry",
            "revocation.providers[].retry[].status",
            "revocation.providers[].retry[].where",
            "revocation.providers[].revoked",
            "revocation.providers[].revoked[].status",
            "revocation.providers[].revoked[].where",
            "revocation.providers[].signing_key",
            "revocation.providers[].submitted",
            "revocation.providers[].submitted[].status",
            "revocation.providers[].submitted[].where",
            "revocation.providers[].types",
            "revocation.providers[].unproven",
            "revocation.providers[].url",
            "revocation.retry_base",
            "revocation.retry_cap",
            "revocation_api.clients",
            "revocation_api.clients[].name",
            "revocation_api.clients[].rate_limit.burst",
            "revocation_api.clients[].rate_limit.per_second",
            "revocation_api.clients[].token",
            "revocation_api.clients[].types",
            "revocation_api.jobs.audiences",
            "revocation_api.jobs.authority",
            "revocation_api.jobs.ca_file",
            "revocation_api.jobs.issuer",
            "revocation_api.jobs.jwks_file",
            "revocation_api.jobs.jwks_url",
            "revocation_api.jobs.rate_limit.burst",
            "revocation_api.jobs.rate_limit.per_second",
            "revocation_api.jobs.rules",
            "revocation_api.jobs.rules[].claims",
            "revocation_api.jobs.types",
            "revocation_api.max_batch",
            "revocation_api.max_body",
            "revocation_api.max_waiting",
            "revocation_api.mount",
            "secrets.admin_tokens",
            "secrets.master_key",
            "secrets.previous_master_keys",
            "server.admin_listen",
            "server.admin_tls.certificate",
            "server.admin_tls.client_ca",
            "server.admin_tls.private_key",
            "server.drain_delay",
            "server.limits.backlog",
            "server.limits.body_timeout",
            "server.limits.keep_alive",
            "server.limits.max_connections",
            "server.limits.max_connections_per_address",
            "server.limits.max_held_bodies",
            "server.limits.min_body_rate",
            "server.limits.request_timeout",
            "server.listen",
            "server.proxy_header",
            "server.public_url",
            "server.shutdown_grace",
            "server.tls.certificate",
            "server.tls.private_key",
            "server.trusted_proxies",
            "server.workers",
        ]
    );
}
