//! The demo's own issuer: the key that it signs with, and whom it tells it to believe.

use std::path::{Path, PathBuf};

use portcullis_base::secret::SecretString;
use portcullis_jwt_verify::Algorithm;
use portcullis_oidc_proxy::keys::{EditError, Recipe, add};
use serde_json::Value;
use time::OffsetDateTime;

/// Whom the re-signed tokens are for.
pub(super) const CLOUD: &str = "sts.amazonaws.com";
/// How long they live at the most, in seconds.
pub(super) const LIFETIME: i64 = 900;
/// The only file that has the private key.
pub(super) const FILE: &str = "signing-keys.json";

/// The issuer that the gateway is.
pub(super) struct Issuer {
    file: PathBuf,
    /// The private half, as its file has it.
    pub(super) private: SecretString,
}

impl Issuer {
    /// With a fresh key in a file that nobody else can read, as `portcullis keys generate` makes it.
    pub(super) fn made(directory: &Path, now: OffsetDateTime) -> Result<Self, EditError> {
        let file = directory.join(FILE);
        let recipe = Recipe { algorithm: Algorithm::Es256, bits: None, kid: None };
        add(&file, &recipe, false, now)?;
        let set: Value = serde_json::from_slice(&std::fs::read(&file)?).unwrap_or_default();
        let private = set["keys"][0]["d"].as_str().unwrap_or_default();
        Ok(Self { private: private.into(), file })
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
token_id = true

[[oidc_proxy.rules]]
claims = {{ project_path = "ops/*", ref_protected = "true" }}
"#
        )
    }
}
