//! `kind = "gitlab"`: an instance of GitLab.

use portcullis_base::secret::SecretString;
use portcullis_revocation::formats::{GITLAB_TYPES, needs_administrator};
use url::Url;

use super::super::super::section::Section;
use super::super::server::CaFile;
use super::{check_name, name_of, types, warn_unencrypted};

/// A GitLab instance.
#[derive(Debug, Clone)]
pub struct Gitlab {
    /// What it is called in records and metrics; its host and path where nothing is said.
    pub name: String,
    /// Its root, without a final slash.
    pub url: Url,
    /// The types that it is asked about.
    pub types: Vec<String>,
    /// A token of an administrator, for tokens that cannot revoke themselves.
    pub admin_token: Option<SecretString>,
    /// A private CA for this instance, believed beside the system's.
    pub ca_file: Option<CaFile>,
}

pub(super) fn read(section: &mut Section<'_>) -> Option<Gitlab> {
    let types = types(section, &GITLAB_TYPES);
    let admin_token = admin_token(section, &types);
    let name: Option<String> = section.optional("name");
    let ca_file = CaFile::read(section);
    let url: Url = section.required("url")?;
    warn_unencrypted(section, "url", &url);
    let name = name.unwrap_or_else(|| name_of(&url));
    check_name(section, &name);
    Some(Gitlab { name, url, types, admin_token, ca_file })
}

fn admin_token(section: &mut Section<'_>, types: &[String]) -> Option<SecretString> {
    let given = section.has("admin_token") || section.has("admin_token_file");
    let token = section.token("admin_token");
    let helpless = types.iter().position(|name| needs_administrator(name));
    if let (false, Some(i)) = (given, helpless) {
        let problem = "is required (or admin_token_file): tokens of this type cannot revoke \
                       themselves: ";
        section.problem("admin_token", format!("{problem}{}", types[i]));
    }
    token
}
