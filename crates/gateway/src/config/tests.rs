//! Reading whole configurations.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use portcullis_base::SystemRandomness;
use portcullis_base::secret::ExposeSecret as _;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::data_dir::SecretName;
use crate::error::StartError;

mod auth;
mod http;
mod impersonation;
mod jobs;
mod notifications;
mod oidc_proxy;
mod partner;
mod partners;
mod providers;
mod tls;

struct Setup(TempDir);

impl Setup {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn sources(&self, text: &str, variables: &[(&str, &str)]) -> Sources {
        let file = self.0.path().join("portcullis.toml");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        Sources {
            file: Some(file),
            data_dir: DataDir::at(self.0.path().join("data")),
            environment: variables.iter().copied().collect(),
        }
    }

    fn read(&self, text: &str, variables: &[(&str, &str)]) -> Reading {
        super::read(&self.sources(text, variables))
    }
}

fn good(text: &str, variables: &[(&str, &str)]) -> Config {
    Setup::new().read(text, variables).config.unwrap()
}

/// The keys of all problems.
fn bad(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let problems = Setup::new().read(text, variables).config.unwrap_err();
    problems.into_iter().map(|p| p.key).collect()
}

const CLIENT: &str = "[[revocation_api.clients]]\nname = \"a\"\n";
const TOKEN: &str = "a-token-of-22-or-more-characters";

#[test]
fn nothing_at_all_is_a_configuration() {
    let setup = Setup::new();
    let reading = setup.read("", &[("PATH", "/bin"), ("PORTCULLIS_CONFIG", "x")]);
    let config = reading.config.unwrap();
    assert_eq!(config.database.kind, DatabaseKind::Sqlite);
    assert_eq!(config.revocation.providers.len(), 1);
    assert!(reading.warnings.is_empty());
    assert!(!setup.0.path().join("data").exists(), "reading makes nothing");
}

#[test]
fn every_problem_is_told_at_once_by_its_full_key() {
    let text = r#"
        nonsense = 1
        [server]
        listen = "here"
        colour = "red"
        [revocation]
        call_timeout = 10
        retry_base = "1h"
        [revocation.modes]
        a = "kill"
        [[revocation.providers]]
        kind = "http"
        preset = "nobody"
        [[revocation.providers]]
        kind = "gitlab"
        [revocation_api]
        max_batch = 0
        mount = "leaks/"
        [[revocation_api.clients]]
        name = "a b"
        rate_limit = { per_second = 0 }
        [auth]
        methods = ["ldap", "pat", "pat"]
        token_cache = -1
        [auth.profiles.deploy]
        scopes = []
        [auth.profiles."a b"]
        scopes = ["x y"]
        colour = "red"
        [auth.profiles.empty]
        [[auth.oidc]]
        issuer = "a bare name"
        audiences = []
        [[auth.oidc]]
        issuer = "http://gitlab.example.com"
        audiences = ["x"]
        trust_email = "yes"
    "#;
    let mut keys = bad(text, &[("PORTCULLIS__LOG__FORMAT", "xml"), ("PORTCULLIS__X__Y", "1")]);
    keys.sort();
    let expected = [
        "auth.methods",
        "auth.methods[0]",
        "auth.oidc[0].audiences",
        "auth.oidc[0].issuer",
        "auth.oidc[0].issuer",
        "auth.oidc[1].issuer",
        "auth.oidc[1].trust_email",
        "auth.profiles.a b.colour",
        "auth.profiles.a b.scopes",
        "auth.profiles.a b.scopes",
        "auth.profiles.deploy.scopes",
        "auth.profiles.empty.scopes",
        "auth.token_cache",
        "log.format",
        "nonsense",
        "revocation.call_timeout",
        "revocation.modes.a",
        "revocation.providers[0].preset",
        "revocation.providers[1].url",
        "revocation.retry_base",
        "revocation_api.clients[0].name",
        "revocation_api.clients[0].rate_limit.per_second",
        "revocation_api.clients[0].token",
        "revocation_api.max_batch",
        "revocation_api.mount",
        "server.colour",
        "server.listen",
        "x",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = format!("[server]\nlisten = \"127.0.0.1:1\"\n{CLIENT}token = \"{TOKEN}\"\n");
    let config = good(
        &text,
        &[
            ("PORTCULLIS__SERVER__LISTEN", "127.0.0.1:2"),
            ("PORTCULLIS__SERVER__WORKERS", "3"),
            ("PORTCULLIS__LOG__FILTER", "\"debug\""),
            ("PORTCULLIS__REVOCATION_API__CLIENTS__0__NAME", "b"),
            ("PORTCULLIS__REVOCATION_API__CLIENTS__1", "{ name = \"c\", token = \"other-token\" }"),
            ("PORTCULLIS__REVOCATION_API__CLIENTS__0__TYPES", "[\"t1\", \"t2\"]"),
            ("PORTCULLIS__REVOCATION_API__CLIENTS__0__RATE_LIMIT__BURST", "7"),
            ("PORTCULLIS__AUTH__METHODS__0", "pat"),
            (
                "PORTCULLIS__REVOCATION__MODES__GITLEAKS_RULE_ID_GITPOD_PERSONAL_ACCESS_TOKEN",
                "notify",
            ),
        ],
    );
    assert_eq!((config.server.listen.port(), config.server.workers), (2, 3));
    let [first, second] = config.revocation_api.clients.as_slice() else { panic!("two clients") };
    assert_eq!((first.name.as_str(), second.name.as_str()), ("b", "c"));
    assert_eq!((first.types.len(), first.rate_limit.burst), (2, 7));
    assert_eq!(first.token.expose_secret(), TOKEN);
    assert_eq!(config.revocation.modes.len(), 1);
}

#[test]
fn a_variable_that_fits_nowhere_is_a_problem() {
    for (name, value, key) in [
        ("PORTCULLIS__", "1", "PORTCULLIS__"),
        ("PORTCULLIS__SERVER____LISTEN", "1", "PORTCULLIS__SERVER____LISTEN"),
        ("PORTCULLIS__SERVER__LISTEN__PORT", "1", "server.listen"),
        ("PORTCULLIS__SERVER", "1", "server"),
        ("PORTCULLIS__AUTH__METHODS__5", "pat", "PORTCULLIS__AUTH__METHODS__5"),
        ("PORTCULLIS__AUTH__METHODS", "pat", "auth.methods"),
        ("PORTCULLIS__SERVER__WORKERS", "-1", "server.workers"),
        ("PORTCULLIS__A__A__A__A__A__A__A__A__A", "", "PORTCULLIS__A__A__A__A__A__A__A__A__A"),
    ] {
        assert_eq!(bad("", &[(name, value)]), [key], "{name}");
    }
    let twice = [("PORTCULLIS__LOG", "{ }"), ("PORTCULLIS__LOG__FORMAT", "json")];
    assert_eq!(bad("", &twice), ["PORTCULLIS__LOG__FORMAT"]);
}

#[test]
fn secrets_come_inline_or_from_files_but_not_both() {
    let setup = Setup::new();
    let file = setup.0.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let from_file =
        format!("{CLIENT}token_file = {file:?}\n[secrets]\nadmin_tokens_files = [{file:?}]");
    let reading = setup.read(&from_file, &[]);
    let config = reading.config.unwrap();
    assert_eq!(config.revocation_api.clients[0].token.expose_secret(), TOKEN);
    assert_eq!(config.secrets.admin_tokens[0].expose_secret(), TOKEN);
    assert_eq!(reading.warnings.len(), 2, "both name a file that others can read");
    let both = format!("{CLIENT}token = \"{TOKEN}\"\ntoken_file = {file:?}");
    assert_eq!(bad(&both, &[]), ["revocation_api.clients[0].token"]);
    let gone = format!("{CLIENT}token_file = \"/nonexistent\"");
    assert_eq!(bad(&gone, &[]), ["revocation_api.clients[0].token_file"]);
}

#[test]
fn weak_and_exposed_secrets_warn_and_never_fail() {
    let setup = Setup::new();
    let sources = setup.sources(&format!("{CLIENT}token = \"short\""), &[]);
    fs::set_permissions(sources.file.as_ref().unwrap(), Permissions::from_mode(0o640)).unwrap();
    let reading = super::read(&sources);
    assert!(reading.config.is_ok());
    assert_eq!(reading.warnings.len(), 2, "{:?}", reading.warnings);
    assert!(!reading.warnings.concat().contains("\"short\""));
}

#[test]
fn clients_are_told_apart() {
    let one = format!("{CLIENT}token = \"{TOKEN}\"\n");
    let expected = ["revocation_api.clients[1].name", "revocation_api.clients[1].token"];
    assert_eq!(bad(&format!("{one}{one}"), &[]), expected);
}

#[test]
fn listeners_may_not_collide() {
    for (a, b, fine) in [
        ("127.0.0.1:1", "127.0.0.1:1", false),
        ("0.0.0.0:1", "127.0.0.1:1", false),
        ("127.0.0.1:0", "127.0.0.1:0", true),
        ("127.0.0.1:1", "127.0.0.2:1", true),
    ] {
        let text = format!("[server]\nlisten = \"{a}\"\nadmin_listen = \"{b}\"");
        assert_eq!(Setup::new().read(&text, &[]).config.is_ok(), fine, "{a} {b}");
    }
}

#[test]
fn databases_are_files_or_postgres() {
    for url in ["sqlite://", "sqlite::memory:", "sqlite://:memory:", "mysql://a/b", "", "x"] {
        assert_eq!(bad("", &[("PORTCULLIS__DATABASE__URL", url)]), ["database.url"], "{url}");
    }
    let postgres = [("PORTCULLIS__DATABASE__URL", "postgres://u:hunter2@h/d")];
    let expected = ["secrets.master_key", "revocation_api.clients", "secrets.admin_tokens"];
    assert_eq!(bad("", &postgres), expected);
}

#[test]
fn a_configuration_can_be_printed_without_its_secrets() {
    let key = "hunter2-hunter2-hunter2-hunter2";
    let config = good(
        &format!(
            "{CLIENT}token = \"{key}\"\n[pat]\nsigning_keys = [\"aHVudGVyMmh1bnRlcjJodW50ZXIy\"]"
        ),
        &[
            ("PORTCULLIS__DATABASE__URL", "postgres://u:hunter2@h/d"),
            ("PORTCULLIS__HTTP__PROXY", "http://u:hunter2@proxy:1"),
            ("PORTCULLIS__SECRETS__MASTER_KEY", "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ"),
            ("PORTCULLIS__SECRETS__ADMIN_TOKENS", "[\"hunter2\"]"),
        ],
    );
    assert_eq!(config.database.kind, DatabaseKind::Postgres);
    let printed = format!("{config:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("aHVudGVyM"), "{printed}");
}

#[test]
fn what_is_left_out_is_made_once_and_taken_again() {
    let setup = Setup::new();
    let sources = setup.sources(&format!("{CLIENT}token = \"{TOKEN}\""), &[]);
    assert!(check(&sources).config.is_ok());
    assert!(!sources.data_dir.path().exists(), "checking makes nothing");
    let first = load(&sources, &SystemRandomness).unwrap();
    let again = load(&sources, &SystemRandomness).unwrap();
    let text = |loaded: &Loaded| loaded.master_key.all()[0].to_base64url();
    assert_eq!(text(&first), text(&again));
    assert!(first.secrets_origin.made && !again.secrets_origin.made);
    assert_eq!(again.secrets_origin.taken, [SecretName::MasterKey, SecretName::AdminToken]);
    let clients = &again.config.revocation_api.clients;
    assert_eq!(clients.len(), 1);
    assert_eq!(clients[0].token.expose_secret(), TOKEN);
}

#[test]
fn a_garbled_secrets_file_stops_check_and_start() {
    let setup = Setup::new();
    let sources = setup.sources("", &[]);
    fs::create_dir(sources.data_dir.path()).unwrap();
    fs::write(sources.data_dir.secrets_path(), "master_key = \"hunter2\"").unwrap();
    let problems = check(&sources).config.unwrap_err();
    assert!(problems[0].problem.contains("master_key") && !problems[0].problem.contains("hunter2"));
    let error = load(&sources, &SystemRandomness).unwrap_err();
    assert!(matches!(&error, StartError::DataDir(_)) && !error.to_string().contains("hunter2"));
}

#[test]
fn no_problem_repeats_a_secret() {
    let secret = "hunter2 hunter2";
    for text in [
        format!("{CLIENT}token = {secret}"),
        format!("{CLIENT}token = \"{secret}\""),
        format!("{CLIENT}token = [\"{secret}\"]"),
        format!("{CLIENT}token = \"{secret}\n"),
        format!("{CLIENT}token_file = \"{secret}\""),
        format!("[secrets]\nmaster_key = \"{secret}\"\nadmin_tokens = \"{secret}\""),
        format!("[database]\nurl = \"{secret}\""),
        format!("[http]\nproxy = \"{secret}\""),
        format!("[pat]\nsigning_keys = [\"{secret}\", 1]"),
    ] {
        let problems = Setup::new().read(&text, &[]).config.unwrap_err();
        assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(
        text in "\\PC*",
        name in "[A-Z_0-9]{0,40}",
        value in "\\PC*",
    ) {
        let variable = format!("PORTCULLIS__{name}");
        let _ = Setup::new().read(&text, &[(&variable, &value)]);
    }

    #[test]
    fn any_value_of_any_known_key_is_taken_or_named(value in "\\PC{0,20}") {
        for key in ["SERVER__LISTEN", "LOG__FILTER", "PAT__PREFIX", "REVOCATION__RETRY_CAP",
            "REVOCATION_API__MAX_BODY", "REVOCATION_API__MOUNT", "DATABASE__URL", "HTTP__PROXY"] {
            let variable = format!("PORTCULLIS__{key}");
            let _ = Setup::new().read("", &[(&variable, &value)]);
        }
    }
}
