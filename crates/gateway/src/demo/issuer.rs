//! The demo's own issuer: the key that it signs with, and whom it tells it to believe.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use portcullis_base::secret::SecretString;
use serde_json::json;

/// Whom the re-signed tokens are for.
pub(super) const CLOUD: &str = "sts.amazonaws.com";
/// How long they live at the most, in seconds.
pub(super) const LIFETIME: i64 = 900;
/// The only file that has the private key.
pub(super) const FILE: &str = "signing-keys.json";

/// How wide a number of P-256 is, in bytes.
const WIDTH: i32 = 32;

/// The issuer that the gateway is.
pub(super) struct Issuer {
    file: PathBuf,
    /// The private half, as its file has it.
    pub(super) private: SecretString,
}

impl Issuer {
    /// With a fresh key in a file that nobody else can read.
    pub(super) fn made(directory: &Path) -> io::Result<Self> {
        let file = directory.join(FILE);
        let (keys, private) = fresh_key()?;
        let mut open = OpenOptions::new();
        open.write(true).create_new(true).mode(0o600).open(&file)?.write_all(keys.as_bytes())?;
        Ok(Self { file, private: private.into() })
    }

    /// The section that makes the gateway the issuer, for jobs of this GitLab.
    pub(super) fn toml(&self, gitlab: &str) -> String {
        let file = toml::Value::from(self.file.display().to_string());
        format!(
            r#"
[oidc_proxy]
jwks_file = {file}
signing_algs = ["ES256"]
upstream_issuer = "{gitlab}"
audiences = ["{CLOUD}"]
subject = "project:{{project_path}}:{{ref_type}}:{{ref}}"
max_lifetime = {LIFETIME}

[[oidc_proxy.rules]]
claims = {{ project_path = "ops/*", ref_protected = "true" }}
"#
        )
    }
}

/// A set of one key, and the member of it that is private.
fn fresh_key() -> Result<(String, String), ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = EcKey::generate(&group)?;
    let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
    let mut context = BigNumContext::new()?;
    key.public_key().affine_coordinates(&group, &mut x, &mut y, &mut context)?;
    let (x, y, d) = (text(&x)?, text(&y)?, text(key.private_key())?);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "demo",
        "x": x, "y": y, "d": d,
    });
    Ok((json!({ "keys": [jwk] }).to_string(), d))
}

fn text(number: &BigNumRef) -> Result<String, ErrorStack> {
    Ok(URL_SAFE_NO_PAD.encode(number.to_vec_padded(WIDTH)?))
}
