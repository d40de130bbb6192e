//! What leaks at the pretended vendors, and how the gateway knows them.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use portcullis_base::Randomness;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::leaks::finding;
use super::signed::{self, Github};
use super::vendor::{HOOK, KEYS, LEAKS, REVOKE, Vendor};

/// The only file that has the key by which vendors know the gateway.
pub(super) const FILE: &str = "partner-key.pem";

const ACME: &str = "acme_key";
const GLOBEX: &str = "globex_key";
const AWS: &str = "gitleaks_rule_id_aws";

/// A vendor's key that somebody committed.
pub(super) struct Key {
    pub(super) secret: SecretString,
    pub(super) location: String,
    token_type: &'static str,
}

/// The vendors, and what leaks of theirs.
pub(super) struct Others {
    pub(super) vendor: Vendor,
    pub(super) github: Github,
    /// It works, and one request revokes it.
    pub(super) acme: Key,
    /// The same, but its vendor says so without doing so.
    pub(super) lied_about: Key,
    /// Its vendor is told, and says no more.
    pub(super) globex: Key,
    /// No one request revokes it.
    pub(super) aws: Key,
    /// The private half of the key by which vendors know the gateway, as its file has it.
    pub(super) private: SecretString,
    file: PathBuf,
}

impl Others {
    /// With fresh keys, and the gateway's own in a file that nobody else can read. Must be called in a
    /// runtime.
    pub(super) fn made(directory: &Path, random: &dyn Randomness) -> io::Result<Self> {
        let (vendor, github) = (Vendor::start()?, Github::made()?);
        vendor.publish(github.keys()?);
        let file = directory.join(FILE);
        let pem = signed::key()?.private_key_to_pem()?;
        let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        opened.write_all(&pem)?;
        // All of the private half stands in the first line of such a PEM (RFC 5915).
        let private = String::from_utf8_lossy(&pem).lines().nth(1).unwrap_or_default().into();
        let key = |token_type, start: &str, place: &str| Key {
            secret: format!("{start}{}", hex_digits(random)).into(),
            location: format!("https://gitlab.example.com/{place}"),
            token_type,
        };
        let others = Self {
            vendor,
            github,
            acme: key(ACME, "acme_", "ann/shop/-/blob/main/pay.rb#L12"),
            lied_about: key(ACME, "acme_", "ann/shop/-/blob/main/refund.rb#L5"),
            globex: key(GLOBEX, "glx_", "ops/build/-/blob/main/upload.sh#L3"),
            aws: key(AWS, "AKIA", "ops/build/-/blob/main/bucket.tf#L8"),
            private,
            file,
        };
        for key in [&others.acme, &others.lied_about] {
            others.vendor.add(&key.secret);
        }
        Ok(others)
    }

    /// Every secret among what leaks.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        [&self.acme, &self.lied_about, &self.globex, &self.aws].map(|key| &key.secret).into_iter()
    }

    /// The sections that make the vendors known.
    pub(super) fn toml(&self) -> String {
        let (url, file) = (self.vendor.url(), toml::Value::from(self.file.display().to_string()));
        format!(
            r#"
[[revocation.providers]]
kind = "http"
name = "acme"
types = ["{ACME}"]
url = "{url}{REVOKE}"
body = '{{"key": "{{token}}"}}'
revoked = [{{ status = 200 }}]
inactive = [{{ status = 404 }}]

[[revocation.providers]]
kind = "partner"
name = "globex"
types = ["{GLOBEX}"]
url = "{url}{LEAKS}"
signing_key_file = {file}

[[revocation.providers]]
kind = "notify"
types = ["{AWS}"]

[revocation.formats]
{ACME} = "^acme_[0-9a-f]{{40}}$"
{GLOBEX} = "^glx_[0-9a-f]{{40}}$"

[[notifications]]
name = "people"
url = "{url}{HOOK}"
format = "json"

[partners.github]
keys_url = "{url}{KEYS}"
"#
        )
    }
}

impl Key {
    /// What GitLab sends of it.
    pub(super) fn finding(&self) -> Value {
        finding(self.token_type, self.secret.expose_secret(), &self.location)
    }
}

fn hex_digits(random: &dyn Randomness) -> String {
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    hex::encode(bytes)
}
