//! The libraries, each in a process of its own.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Where `make test-interop` installs them.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/interop");
/// Where our scripts for them are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
/// The status of a script whose library refuses the token. What else goes wrong has another.
const REFUSED: i32 = 3;

/// What `make test-interop` installed.
pub(crate) fn installed() -> &'static Path {
    Path::new(INSTALLED)
}

/// Our scripts and settings for it.
pub(crate) fn scripts() -> &'static Path {
    Path::new(SCRIPTS)
}

/// A library that verifies tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Client {
    /// `PyJWT`, for Python.
    PyJwt,
    /// `jwcrypto`, for Python.
    JwCrypto,
    /// `jose`, for JavaScript.
    Jose,
}

/// What it says of a token.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It verified, and says this.
    Claims(Value),
    /// It did not, for this reason.
    Refused(String),
}

/// Why a token is to be refused.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Signature,
    Key,
    Algorithm,
    Audience,
    Issuer,
}

impl Client {
    /// Has it verify a token: it is told which issuer it trusts and who it is.
    pub(crate) async fn ask(self, issuer: &str, audience: &str, token: &str) -> Verdict {
        let mut command = self.command();
        command.args([issuer, audience]);
        let token = token.to_owned();
        tokio::task::spawn_blocking(move || run(command, &token)).await.unwrap()
    }

    fn command(self) -> Command {
        let (installed, scripts) = (installed(), scripts());
        let python = |script: &str| {
            let program = installed.join("python/bin/python");
            assert!(program.exists(), "PyJWT and jwcrypto are missing: run `make test-interop`");
            let mut command = Command::new(program);
            // It sees what was installed for it, and nothing of its user's.
            command.arg("-I").arg(scripts.join(script));
            command
        };
        match self {
            Self::PyJwt => python("verify_pyjwt.py"),
            Self::JwCrypto => python("verify_jwcrypto.py"),
            Self::Jose => {
                let folder = installed.join("node");
                let there = folder.join("node_modules/jose").exists();
                assert!(there, "jose is missing: run `make test-interop`");
                // Node looks for a library beside the file that imports it. Renamed into its place, as
                // another test may be reading it.
                let script = tempfile::NamedTempFile::new_in(&folder).unwrap();
                fs::copy(scripts.join("verify.mjs"), script.path()).unwrap();
                script.persist(folder.join("verify.mjs")).unwrap();
                let mut command = Command::new("node");
                command.arg(folder.join("verify.mjs"));
                command
            }
        }
    }

    /// The test fails unless the token was refused, and for this.
    pub(crate) fn assert_refused(self, verdict: &Verdict, fault: Fault, what: &str) {
        let Verdict::Refused(reason) = verdict else { panic!("{what}: {verdict:?}") };
        let wanted = self.words_for(fault);
        assert!(reason.contains(wanted), "{what}: {reason:?} instead of {wanted:?}");
    }

    /// What it says of this fault, and of no other.
    fn words_for(self, fault: Fault) -> &'static str {
        match (self, fault) {
            (Self::PyJwt, Fault::Signature) => "InvalidSignatureError:",
            (Self::PyJwt, Fault::Key) => "PyJWKClientError: Unable to find a signing key",
            (Self::PyJwt, Fault::Algorithm) => "InvalidAlgorithmError:",
            (Self::PyJwt, Fault::Audience) => "InvalidAudienceError:",
            (Self::PyJwt, Fault::Issuer) => "InvalidIssuerError:",
            (Self::JwCrypto, Fault::Signature) => "InvalidJWSSignature('Verification failed')",
            (Self::JwCrypto, Fault::Key) => "not in key set",
            (Self::JwCrypto, Fault::Algorithm) => "Algorithm not allowed",
            (Self::JwCrypto, Fault::Audience) => "JWTInvalidClaimValue: Invalid 'aud'",
            (Self::JwCrypto, Fault::Issuer) => "JWTInvalidClaimValue: Invalid 'iss'",
            (Self::Jose, Fault::Signature) => "ERR_JWS_SIGNATURE_VERIFICATION_FAILED:",
            (Self::Jose, Fault::Key) => "ERR_JWKS_NO_MATCHING_KEY:",
            (Self::Jose, Fault::Algorithm) => "ERR_JOSE_ALG_NOT_ALLOWED:",
            (Self::Jose, Fault::Audience) => "ERR_JWT_CLAIM_VALIDATION_FAILED: unexpected \"aud\"",
            (Self::Jose, Fault::Issuer) => "ERR_JWT_CLAIM_VALIDATION_FAILED: unexpected \"iss\"",
        }
    }
}

fn run(mut command: Command, token: &str) -> Verdict {
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Closed at once, as the script reads to the end. Why one is gone before that, its own words tell.
    drop(child.stdin.take().unwrap().write_all(token.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Verdict::Claims(serde_json::from_slice(&output.stdout).unwrap()),
        Some(REFUSED) if output.stdout.is_empty() => Verdict::Refused(said),
        _ => panic!("{command:?}: {}: {said}", output.status),
    }
}
