//! `oidc-token-proxy`, the origin of the re-signer, from `PyPI`: beside ours where it can be installed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_test_support::free_port;

use crate::process::Process;

/// It asks for Python 3.13, and runs on 3.11: what it stands on is what its figures depend on.
const PACKAGES: [&str; 2] = ["oidc-token-proxy==0.1.0", "waitress"];
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench/origin");

/// A WSGI application is a module's `application`; its settings are those of its `site.ini`.
const MODULE: &str = "import json
from oidc_token_proxy import main
with open('settings.json') as file:
    application = main({}, **json.load(file))
";

/// The origin under waitress, and its port; `None`, and why, where it cannot be had.
pub(crate) fn start(settings: &serde_json::Value, folder: &Path) -> Result<(Process, u16), String> {
    install()?;
    fs::write(folder.join("origin.py"), MODULE).expect("a file can be written");
    fs::write(folder.join("settings.json"), settings.to_string()).expect("a file can be written");
    let port = free_port();
    let child = Command::new(format!("{FOLDER}/bin/waitress-serve"))
        .args([format!("--listen=127.0.0.1:{port}"), "origin:application".to_owned()])
        .current_dir(folder)
        .env("PYTHONPATH", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("waitress-serve: {error}"))?;
    let (process, begun) = (Process(child), Instant::now());
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err("it does not come up".to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((process, port))
}

fn install() -> Result<(), String> {
    if Path::new(FOLDER).join("bin/waitress-serve").exists() {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", FOLDER]))?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--ignore-requires-python"];
    run(Command::new(format!("{FOLDER}/bin/pip")).args(pip).args(PACKAGES))
}

fn run(command: &mut Command) -> Result<(), String> {
    let said = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let last = String::from_utf8_lossy(&said.stderr).lines().last().map(str::to_owned);
    if said.status.success() { Ok(()) } else { Err(last.unwrap_or_default()) }
}
