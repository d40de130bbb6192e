//! A gateway that has every surface: what walks all routes starts one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use portcullis_fake_gitlab::FakeGitlab;
use portcullis_test_support::{SigningKey, private_jwks};

use super::broker::{AUDIENCE, broker_toml};

/// Where nobody listens.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1/keys";

/// The configuration of one that lends tokens of this GitLab, signs its jobs' tokens anew, lets its jobs
/// report, tells a vendor, and listens to both programmes. Its files are in `folder`; a new surface adds its
/// section here. `broker` are more keys of that section, and at `keys` are
/// the programmes' keys.
pub(crate) fn everything(gitlab: &FakeGitlab, folder: &Path, broker: &str, keys: &str) -> String {
    let file = folder.join("everything.json");
    if !file.exists() {
        let keys = [SigningKey::generate("ES256", "ours")];
        fs::write(&file, private_jwks(&keys).to_string()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }
    let (gitlab_url, file) = (gitlab.url(), file.display());
    broker_toml(gitlab, broker)
        + &format!(
            "[oidc_proxy]\njwks_file = \"{file}\"\nsigning_key_ids = {{ ES256 = \"ours\" }}\n\
             upstream_issuer = \"{gitlab_url}\"\n\
             [revocation_api.jobs]\nissuer = \"{gitlab_url}\"\naudiences = [\"{AUDIENCE}\"]\n\
             [[auth.oidc]]\nissuer = \"{gitlab_url}\"\naudiences = [\"{AUDIENCE}\"]\n\
             [partners.github]\nkeys_url = \"{keys}\"\n\
             [partners.gitlab]\nkeys_url = \"{keys}\"\n\
             [[revocation.providers]]\nkind = \"partner\"\nname = \"acme\"\n\
             url = \"http://127.0.0.1:1/leaks\"\ntypes = [\"acme_token\"]\nsigning_key = '''{}'''\n\
             [revocation.formats]\nacme_token = \"^acme_[0-9]{{10}}$\"\n",
            pem(),
        )
}

fn pem() -> String {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = EcKey::generate(&curve).unwrap();
    String::from_utf8(key.private_key_to_pem().unwrap()).unwrap()
}
