//! What runs the binary elsewhere, and what it gives to it: the image, docker-compose.yml, the systemd unit. That they come up
//! for real is shown by `make test-compose`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis_gateway::config::{self, Environment, Sources};
use portcullis_gateway::data_dir::{DEFAULT, DataDir};
use saphyr::{LoadableYamlNode as _, YamlOwned};
use tempfile::TempDir;

use super::{portcullis, portcullis_with};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn compose() -> YamlOwned {
    YamlOwned::load_from_str(&file("docker-compose.yml")).unwrap().remove(0)
}

fn at<'a>(node: &'a YamlOwned, path: &str) -> &'a YamlOwned {
    path.split('/').fold(node, |node, key| {
        node.as_mapping_get(key).unwrap_or_else(|| panic!("{key} of {path} is missing"))
    })
}

fn texts(node: &YamlOwned) -> Vec<&str> {
    node.as_sequence().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Runs the script as it is shipped, in a folder that is nobody's working copy.
fn make_secrets(folder: &Path) -> String {
    let script = folder.join("scripts/compose-secrets.sh");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::copy(root().join("scripts/compose-secrets.sh"), &script).unwrap();
    let output = Command::new(script).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with the secrets in `secrets`.
fn secrets() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    make_secrets(folder.path());
    folder
}

/// The secrets by their names.
fn made(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder.join("secrets")).unwrap().map(Result::unwrap);
    let mut files: Vec<_> = entries
        .map(|entry| {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn names(folder: &Path) -> BTreeSet<String> {
    made(folder).into_iter().map(|(name, _)| name).collect()
}

/// The longest that a stop may take by the defaults: leaving, requests, a last call to a provider, and 5 s, after which the
/// process ends itself; and 5 s more.
fn longest_stop() -> String {
    let sources =
        Sources { file: None, data_dir: DataDir::at(DEFAULT), environment: Environment::default() };
    let config = config::read(&sources).config.unwrap();
    let server = &config.server;
    let longest = server.drain_delay + server.shutdown_grace + config.revocation.call_timeout;
    format!("{}s", longest.as_secs() + 10)
}

#[test]
fn secrets_are_made_once_private_and_each_its_own() {
    let folder = secrets();
    let first = made(folder.path());
    let different: BTreeSet<_> = first.iter().map(|(_, secret)| secret).collect();
    assert_eq!((first.len(), different.len()), (6, 6));
    for (name, secret) in &first {
        let lengths = if name == "database_url" { 80..100 } else { 43..44 };
        assert!(lengths.contains(&secret.len()), "{name}");
        assert!(secret.bytes().all(|b| b.is_ascii_graphic()), "{name}");
    }
    let said = make_secrets(folder.path());
    assert_eq!(made(folder.path()), first, "what is there stays");
    assert!(first.iter().all(|(_, secret)| !said.contains(secret)), "none is printed");
    fs::remove_file(folder.path().join("secrets/admin_token")).unwrap();
    make_secrets(folder.path());
    let again = made(folder.path());
    let changed: Vec<_> = first.iter().zip(&again).filter(|(a, b)| a != b).collect();
    assert_eq!(changed.len(), 1, "one that was taken away is made anew");
}

#[test]
fn composes_configuration_is_good_with_the_secrets_that_are_made_for_it() {
    let folder = secrets();
    let text = file("config/portcullis.compose.toml");
    let here = folder.path().join("secrets").display().to_string();
    fs::write(folder.path().join("p.toml"), text.replace("/run/secrets", &here)).unwrap();
    let output = portcullis(folder.path(), &["check", "--config", "p.toml"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let warnings: Vec<_> = said.lines().collect();
    assert!(warnings.len() == 2 && warnings.iter().all(|w| w.contains("reachable")), "{said}");
    // What is mounted, what is read and what is made are the same.
    let read = text.lines().filter_map(|line| line.split("/run/secrets/").nth(1));
    let read: BTreeSet<_> = read.map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    let compose = compose();
    let mounted = texts(at(&compose, "services/gateway/secrets"));
    assert_eq!(read, mounted.iter().map(|&name| name.to_owned()).collect());
    let all = at(&compose, "secrets").as_mapping().unwrap();
    for (name, secret) in all {
        let path = format!("${{PORTCULLIS_SECRETS:-./secrets}}/{}", name.as_str().unwrap());
        assert_eq!(at(secret, "file").as_str(), Some(path.as_str()));
    }
    let all: BTreeSet<_> = all.iter().map(|(name, _)| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(all, names(folder.path()));
}

#[test]
fn composes_services_are_confined_and_start_in_order() {
    let compose = compose();
    for service in ["postgres", "gateway"] {
        let service = at(at(&compose, "services"), service);
        assert_eq!(at(service, "read_only").as_bool(), Some(true));
        assert_eq!(texts(at(service, "cap_drop")), ["ALL"]);
        assert_eq!(texts(at(service, "security_opt")), ["no-new-privileges:true"]);
        assert_eq!(at(service, "restart").as_str(), Some("unless-stopped"));
        assert!(!texts(at(service, "healthcheck/test")).is_empty());
    }
    let gateway = at(&compose, "services/gateway");
    assert!(gateway.as_mapping_get("cap_add").is_none());
    assert_eq!(at(gateway, "depends_on/postgres/condition").as_str(), Some("service_healthy"));
    assert_eq!(at(gateway, "stop_grace_period").as_str(), Some(longest_stop().as_str()));
    let ports = texts(at(gateway, "ports"));
    assert!(ports.len() == 2 && ports.iter().all(|port| port.starts_with("127.0.0.1:")));
    assert!(at(&compose, "services/postgres").as_mapping_get("ports").is_none());
    assert_eq!(at(&compose, "networks/database/internal").as_bool(), Some(true));
}

#[test]
fn the_image_is_one_user_everywhere_and_its_configuration_is_good() {
    let dockerfile = file("Dockerfile");
    let user = dockerfile.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() > 0), "a number, and not root");
    let (uid, gid) = user.split_once(':').unwrap();
    assert!(dockerfile.contains(&format!("-o {uid} -g {gid} /var/lib/portcullis")));
    assert!(file("scripts/compose-secrets.sh").contains(&format!("IMAGE_USER={user}\n")));
    let default = format!("${{PORTCULLIS_USER:-{user}}}");
    assert_eq!(at(&compose(), "services/gateway/user").as_str(), Some(default.as_str()));
    // The builder is given what is named, and nothing that lies beside it.
    let ignored = file(".dockerignore");
    let rules: Vec<_> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rules[0] == "*" && rules[1..].iter().all(|rule| rule.starts_with('!')), "{rules:?}");

    let config = root().join("config/portcullis.container.toml");
    let folder = tempfile::tempdir().unwrap();
    let output = portcullis(folder.path(), &["check", "--config", config.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_image_is_built_with_a_rust_that_is_new_enough() {
    let manifest = file("Cargo.toml");
    let needed = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let dockerfile = file("Dockerfile");
    let given = dockerfile.lines().find_map(|line| line.strip_prefix("ARG BUILD_IMAGE=rust:"));
    let minor = |version: &str| -> u32 {
        let version = version.trim_matches('"').strip_prefix("1.").unwrap();
        version.split('-').next().unwrap().parse().unwrap()
    };
    assert!(minor(given.unwrap()) >= minor(needed));
    let default = format!("${{BUILD_IMAGE:-rust:{}}}", given.unwrap());
    let compose = compose();
    let build = at(&compose, "services/gateway/build/args/BUILD_IMAGE");
    assert_eq!(build.as_str(), Some(default.as_str()));
}

/// With the binary where it is, because systemd looks. A machine without systemd has nobody to ask.
#[test]
fn systemd_understands_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("portcullis.service");
    let text = file("packaging/systemd/portcullis.service");
    let shipped = "ExecStart=/usr/local/bin/portcullis serve";
    assert!(text.contains(shipped));
    let here = format!("ExecStart={} serve", env!("CARGO_BIN_EXE_portcullis"));
    fs::write(&unit, text.replace(shipped, &here)).unwrap();
    let drop_in = folder.path().join("portcullis.service.d/postgres.conf");
    fs::create_dir(drop_in.parent().unwrap()).unwrap();
    fs::write(drop_in, file("packaging/systemd/portcullis.service.d/postgres.conf")).unwrap();
    match Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output() {
        Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{output:?}"),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
}

#[test]
fn the_unit_gives_a_stop_its_time_and_its_credentials_are_a_good_configuration() {
    let unit = file("packaging/systemd/portcullis.service");
    assert!(unit.contains(&format!("\nTimeoutStopSec={}\n", longest_stop())));
    let folder = secrets();
    let drop_in = file("packaging/systemd/portcullis.service.d/postgres.conf");
    let values = |key| drop_in.lines().filter_map(move |line| line.strip_prefix(key));
    let loaded: BTreeSet<_> = values("LoadCredential=")
        .map(|credential| {
            let (name, path) = credential.split_once(':').unwrap();
            assert_eq!(path, format!("/etc/portcullis/secrets/{name}"));
            name.to_owned()
        })
        .collect();
    let mut expected = names(folder.path());
    expected.remove("postgres_password");
    assert_eq!(loaded, expected);

    let here = folder.path().join("secrets").display().to_string();
    let variables: Vec<_> = values("Environment=")
        .map(|variable| variable.split_once('=').unwrap())
        .map(|(name, value)| (name, value.replace("%d", &here)))
        .collect();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let output = portcullis_with(folder.path(), &["check"], &variables, "");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    for variable in 0..variables.len() {
        let mut fewer = variables.clone();
        if fewer[variable].0.contains("METRICS") {
            // Nothing needs it; it is read all the same.
            fewer[variable].1 = "/nowhere";
        } else {
            fewer.remove(variable);
        }
        let output = portcullis_with(folder.path(), &["check"], &fewer, "");
        let said = format!("{output:?}");
        // Without the database it would be SQLite, which makes its own secrets.
        let needed = !output.status.success() || variables[variable].0.contains("DATABASE");
        assert!(needed, "{} is not needed: {said}", variables[variable].0);
    }
}
