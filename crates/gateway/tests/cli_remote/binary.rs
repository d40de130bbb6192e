//! The binary, run beside a gateway of the test's own process.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{ADMIN, Database, TestGateway};

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Standard output of a command that succeeded.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The one document of a command that succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        assert_eq!(self.err, "", "machines are told on standard output");
        serde_json::from_str(&self.good()).unwrap()
    }

    /// The one line with which a command failed that printed nothing else.
    #[track_caller]
    pub(crate) fn bad(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        self.err
    }
}

/// Runs the binary in `folder`, without any variable of the environment. Whatever it says, it holds
/// neither the admin token nor an escape sequence.
#[track_caller]
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Said {
    run_into(folder, arguments, Stdio::piped())
}

/// The same with these variables in the environment.
#[track_caller]
pub(crate) fn run_with(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    start(folder, variables, arguments, Stdio::piped())
}

#[track_caller]
pub(crate) fn run_into(folder: &Path, arguments: &[&str], out: Stdio) -> Said {
    start(folder, &[], arguments, out)
}

#[track_caller]
fn start(folder: &Path, variables: &[(&str, &str)], arguments: &[&str], out: Stdio) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments).current_dir(folder).env_clear().envs(variables.iter().copied());
    let Output { status, stdout, stderr } =
        command.stdout(out).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said = Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) };
    for stream in [&said.out, &said.err] {
        assert!(!stream.contains(ADMIN), "{said:?}");
        assert!(!stream.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    }
    said
}

/// A file in `folder` for its owner alone.
pub(crate) fn private_file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, content).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    file
}

/// A file with the admin token in `database`'s folder.
pub(crate) fn token_file(database: &Database) -> PathBuf {
    private_file(database.folder(), "token", &format!("{ADMIN}\n"))
}

/// Runs `portcullis <arguments>` against the listener that the command is for.
#[track_caller]
pub(crate) fn portcullis(gateway: &TestGateway, database: &Database, arguments: &[&str]) -> Said {
    let address = match arguments[0] {
        "pats" => gateway.address(),
        _ => gateway.admin_address(),
    };
    let (url, file) = (format!("http://{address}"), token_file(database));
    let place = ["--url", &url, "--token-file", file.to_str().unwrap()];
    run(database.folder(), &[arguments, &place].concat())
}
