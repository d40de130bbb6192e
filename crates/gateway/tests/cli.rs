//! The command line, as the real binary.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use portcullis_test_support::{SigningKey, private_jwks};
use tempfile::TempDir;

#[path = "cli/packaging.rs"]
mod packaging;

const TOKEN: &str = "a-token-of-22-or-more-characters";

fn portcullis(dir: &Path, arguments: &[&str]) -> Output {
    portcullis_with(dir, arguments, &[], "")
}

/// Runs the binary in `dir` with exactly these variables and this standard input.
fn portcullis_with(
    dir: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
    input: &str,
) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that never reads its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("ended by itself, not by a signal")
}

fn dir_with(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    dir
}

#[test]
fn check_says_ok_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = portcullis(dir.path(), &["check"]);
    assert_eq!((code(&output), stdout(&output), stderr(&output)), (0, "ok\n", ""));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn check_tells_every_problem_at_once() {
    let text = b"[server]\nlisten = 1\n[pat]\nprefix = \"a.b\"\ncolour = 1\n";
    let dir = dir_with(&[("p.toml", text)]);
    let variables = [("PORTCULLIS_CONFIG", "p.toml"), ("PORTCULLIS__LOG__FORMAT", "xml")];
    let people = portcullis_with(dir.path(), &["check"], &variables, "");
    assert_eq!((code(&people), stdout(&people)), (1, ""));
    let lines: Vec<&str> = stderr(&people).lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for key in ["server.listen", "pat.prefix", "pat.colour", "log.format"] {
        let start = format!("error: config: {key}: ");
        assert!(lines.iter().any(|line| line.starts_with(&start)), "{key}: {lines:?}");
    }
    let machines = portcullis_with(dir.path(), &["check", "--json"], &variables, "");
    let report: serde_json::Value = serde_json::from_slice(&machines.stdout).unwrap();
    assert_eq!((code(&machines), stderr(&machines), &report["ok"]), (1, "", &false.into()));
    assert_eq!(report["problems"].as_array().unwrap().len(), 4);
}

#[test]
fn garbage_files_are_errors_and_nothing_worse() {
    let deep = "a = ".to_owned() + &"[".repeat(100_000);
    let garbage: [&[u8]; 7] = [
        b"\xff\xfe\x00",
        b"[[[[",
        b"a.b.c.d = {",
        b"token = hunter2 hunter2",
        b"server = 1\nrevocation = [1]\nrevocation_api = \"x\"",
        b"[server]\n[server]\n",
        deep.as_bytes(),
    ];
    for content in garbage {
        let dir = dir_with(&[("p.toml", content)]);
        let output = portcullis(dir.path(), &["check", "--config", "p.toml"]);
        assert_eq!(code(&output), 1, "{}", stderr(&output));
        assert!(stderr(&output).starts_with("error: config: "));
        assert!(!stderr(&output).contains("hunter2"));
    }
    let dir = tempfile::tempdir().unwrap();
    for path in ["none.toml", ".", "/dev/zero"] {
        assert_eq!(code(&portcullis(dir.path(), &["check", "--config", path])), 1, "{path}");
    }
}

#[test]
fn usage_errors_exit_with_2() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &[][..],
        &["fly"],
        &["serve", "--colour"],
        &["secrets", "show", "password"],
        &["pat", "generate"],
    ] {
        assert_eq!(code(&portcullis(dir.path(), arguments)), 2, "{arguments:?}");
    }
    assert_eq!(code(&portcullis(dir.path(), &["--help"])), 0);
}

#[test]
fn secrets_show_prints_what_is_in_force() {
    let kept = format!("admin_token = \"{}\"\n", "k".repeat(40));
    let config = format!("[[revocation_api.clients]]\nname = \"x\"\ntoken = \"{TOKEN}\"\n");
    let dir = dir_with(&[("data/secrets.toml", kept.as_bytes()), ("p.toml", config.as_bytes())]);
    let show = |name| {
        let arguments = ["secrets", "show", name, "--data-dir", "data", "--config", "p.toml"];
        portcullis(dir.path(), &arguments)
    };
    assert_eq!(stdout(&show("admin_token")), format!("{}\n", "k".repeat(40)));
    assert_eq!(stdout(&show("revocation_api_token")), format!("{TOKEN}\n"));
    let missing = show("master_key");
    assert_eq!((code(&missing), stdout(&missing)), (1, ""));
    assert!(stderr(&missing).contains("master_key must be in it"), "{}", stderr(&missing));
    assert!(!stderr(&missing).contains("kkk"));
}

#[test]
fn secrets_show_warns_where_others_can_read_the_file() {
    let kept = format!("admin_token = \"{}\"\n", "k".repeat(40));
    let dir = dir_with(&[("data/secrets.toml", kept.as_bytes())]);
    let show = ["secrets", "show", "admin_token", "--data-dir", "data"];
    assert_eq!(stderr(&portcullis(dir.path(), &show)), "");
    let open = Permissions::from_mode(0o644);
    fs::set_permissions(dir.path().join("data/secrets.toml"), open).unwrap();
    let text = "data/secrets.toml: readable by others; chmod 600 it";
    let people = portcullis(dir.path(), &show);
    assert_eq!((code(&people), stdout(&people)), (0, &*format!("{}\n", "k".repeat(40))));
    assert_eq!(stderr(&people), format!("warning: {text}\n"));
    let machines = portcullis(dir.path(), &[&show[..], &["--json"]].concat());
    assert_eq!(stderr(&machines), format!("{{\"warning\":\"{text}\"}}\n"));
    let secret: serde_json::Value = serde_json::from_slice(&machines.stdout).unwrap();
    assert_eq!(secret["name"], "admin_token");
    // What is checked is told in one document.
    let check = portcullis(dir.path(), &["check", "--json", "--data-dir", "data"]);
    let report: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!((stderr(&check), &report["warnings"]), ("", &serde_json::json!([text])));
}

#[test]
fn a_result_that_cannot_be_written_is_an_error_and_a_reader_that_left_is_none() {
    let kept = format!("admin_token = \"{}\"\n", "k".repeat(40));
    let dir = dir_with(&[("portcullis-data/secrets.toml", kept.as_bytes())]);
    let run = |arguments: &[&str], out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(arguments).current_dir(dir.path()).env_clear().stdout(out);
        command.output().unwrap()
    };
    let show = ["secrets", "show", "admin_token"];
    for arguments in [&show[..], &["check", "--data-dir", "none"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(arguments, full.into());
        assert_eq!(code(&output), 1, "{arguments:?}");
        let error = "error: output: what was to be told could not be written (No space left";
        assert!(stderr(&output).starts_with(error), "{}", stderr(&output));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(arguments, writer.into());
        assert_eq!((code(&output), stderr(&output)), (0, ""), "{arguments:?}");
    }
}

#[test]
fn secrets_show_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = portcullis(dir.path(), &["secrets", "show", "admin_token", "--json"]);
    assert_eq!((code(&output), stdout(&output)), (1, ""));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "no-secrets");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_dry_run_of_migrate_tells_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = portcullis(dir.path(), &["migrate", "--dry-run"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("would apply 0001 revocations and pats\nwould apply 0002 ")
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(code(&portcullis(dir.path(), &["migrate"])), 0);
    let output = portcullis(dir.path(), &["migrate", "--dry-run"]);
    assert_eq!(stdout(&output), "the database is at this version\n");
    let output = portcullis(dir.path(), &["migrate", "--dry-run", "--json"]);
    assert_eq!(stdout(&output), "{\"pending\":[],\"ahead\":[]}\n");
}

#[test]
fn what_the_database_says_is_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.db"), "no database".repeat(1000)).unwrap();
    let variables = [("PORTCULLIS__DATABASE__URL", "sqlite://p.db")];
    for arguments in [&["migrate"][..], &["migrate", "--dry-run"], &["serve"]] {
        let output = portcullis_with(dir.path(), arguments, &variables, "");
        assert_eq!(code(&output), 1);
        let said = stderr(&output);
        assert!(said.starts_with("error: database: the database refused ("), "{said}");
        assert!(said.contains("file is not a database"), "{said}");
    }
}

#[test]
fn migrate_makes_the_database_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let output = portcullis(dir.path(), &["migrate", "--json"]);
        assert_eq!((code(&output), stdout(&output)), (0, "{\"ok\":true}\n"), "{}", stderr(&output));
    }
    assert!(dir.path().join("portcullis-data/portcullis.db").exists());
    assert!(!dir.path().join("portcullis-data/secrets.toml").exists());
}

#[test]
fn a_generated_token_parses_to_its_digest_under_old_and_new_keys() {
    let (old, new) = (
        "b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE",
        "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE",
    );
    let both = format!("{new}\n{old}\n");
    let dir = dir_with(&[("old", old.as_bytes()), ("both", both.as_bytes())]);
    let made = portcullis(dir.path(), &["pat", "generate", "--key-file", "old", "--json"]);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let (token, digest) = (made["token"].as_str().unwrap(), made["digest"].as_str().unwrap());
    assert!(token.starts_with("gitpod_pat_") && digest.len() == 64);
    let parse = ["pat", "parse", "--key-file", "both"];
    let argument = portcullis(dir.path(), &[&parse[..], &[token]].concat());
    assert_eq!((code(&argument), stdout(&argument)), (0, &*format!("{digest}\n")));
    let input = portcullis_with(dir.path(), &parse, &[], &format!("{token}\n"));
    assert_eq!((code(&input), stdout(&input)), (0, &*format!("{digest}\n")));
    let loose = portcullis_with(dir.path(), &parse, &[], &format!("{token}\n\n"));
    assert_eq!(code(&loose), 1, "one line feed is dropped, not two");
}

#[test]
fn what_is_no_token_is_one_error_line_that_does_not_repeat_it() {
    let key = "b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE";
    let dir = dir_with(&[("key", key.as_bytes())]);
    let forged = format!("gitpod_pat_{}.hunter2", "A".repeat(43));
    for token in ["", "hunter2", "gitpod_pat_", "gitpod_pat_hunter2", "gitpod_pat_.", &forged] {
        let output = portcullis(dir.path(), &["pat", "parse", "--key-file", "key", token]);
        assert_eq!((code(&output), stdout(&output)), (1, ""), "{token}");
        let lines: Vec<&str> = stderr(&output).lines().collect();
        assert!(lines.len() == 1 && lines[0].starts_with("error: "), "{lines:?}");
        assert!(!lines[0].contains("hunter2"), "{lines:?}");
    }
}

#[test]
fn bad_key_files_are_errors_that_name_the_line_alone() {
    for content in [&b""[..], b"\n\n", b"not base64 hunter2!\n", b"\xff\xff"] {
        let dir = dir_with(&[("key", content)]);
        let output = portcullis(dir.path(), &["pat", "generate", "--key-file", "key"]);
        assert_eq!((code(&output), stdout(&output)), (1, ""), "{content:?}");
        assert!(stderr(&output).starts_with("error: key-file: "), "{}", stderr(&output));
        assert!(!stderr(&output).contains("hunter2"));
    }
}

#[test]
fn what_an_oidc_token_proxy_does_can_be_checked_and_served() {
    let keys = private_jwks(&[SigningKey::generate("ES256", "one")]).to_string();
    let site = b"[app:proxy]\nuse = egg:oidc-token-proxy\nupstream_issuer = https://a.example\n\
        jwks_file = %(here)s/keys.json\nsigning_key_ids =\n  ES256 = one\n\
        clone_upstream_claims = sub\n[server:main]\nport = 8080\n";
    let dir = dir_with(&[("site.ini", site), ("keys.json", keys.as_bytes())]);
    let import = |arguments: &[&str]| portcullis(dir.path(), arguments);
    let output = import(&["oidc", "import", "site.ini"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).starts_with("warning: name the issuer"), "{}", stderr(&output));
    fs::write(dir.path().join("as-it-is.toml"), &output.stdout).unwrap();
    let checked = import(&["check", "--config", "as-it-is.toml"]);
    assert_eq!(code(&checked), 1);
    assert!(stderr(&checked).contains("oidc_proxy.issuer: "), "{}", stderr(&checked));
    let text = stdout(&output).replace("0.0.0.0:", "127.0.0.1:");
    fs::write(dir.path().join("local.toml"), text).unwrap();
    let checked = import(&["check", "--config", "local.toml"]);
    assert_eq!(code(&checked), 0, "{}", stderr(&checked));
    let missing = import(&["oidc", "import", "missing.ini"]);
    assert_eq!(code(&missing), 1);
    assert!(stderr(&missing).starts_with("error: ini: missing.ini: "), "{}", stderr(&missing));
}
