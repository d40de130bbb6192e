//! `[impersonation]`: jobs of a GitLab that act as their users.

mod jwt;
mod rules;

use portcullis_base::http::is_safe;
use portcullis_base::secret::SecretString;
use portcullis_impersonation::policy::Grant;
use portcullis_jwt_verify::rules::Rules;
use url::Url;

pub use jwt::ImpersonationJwt;
pub(super) use rules::{json_of_node, read_claims};

use super::super::section::Section;
use super::intake::{Mount, RateLimit};
use super::server::CaFile;

const PER_USER: RateLimit = RateLimit { per_second: 1, burst: 20 };
const PER_PROJECT: RateLimit = RateLimit { per_second: 5, burst: 100 };

/// `[impersonation]`; off without the section.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key that says yes or no")]
pub struct Impersonation {
    /// The path under which the endpoints live: `/`, or `/a/b` without a final slash.
    pub mount: String,
    /// The root of the GitLab.
    pub gitlab_url: Url,
    /// A token of an administrator of that GitLab.
    pub admin_token: SecretString,
    /// As whom it acts there, where that is said.
    pub sudo_user: Option<String>,
    /// A private CA of that GitLab, believed beside the system's.
    pub ca_file: Option<CaFile>,
    /// What every admissible job is given where there are no rules.
    pub grant: Grant,
    /// What a job is given by the first one that holds; where there are any and none holds, nothing.
    pub rules: Rules<Grant>,
    /// Whether jobs of pipelines of forks are given anything.
    pub allow_forks: bool,
    /// Whether jobs of administrators are given anything.
    pub allow_admins: bool,
    /// Whether a job's JWT is good for one token only.
    pub single_use: bool,
    /// Tokens for the jobs of one user.
    pub user_limit: RateLimit,
    /// Tokens for the jobs of one project.
    pub project_limit: RateLimit,
    /// Whether the claims of each job are logged.
    pub log_claims: bool,
    /// Whether nothing is lent, and what was lent is still revoked.
    pub paused: bool,
    /// What makes a job's JWT good.
    pub jwt: ImpersonationJwt,
}

impl Impersonation {
    /// `None` only with a problem noted.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let Mount(mount) = section.or("mount", Mount("/".to_owned()));
        let gitlab_url = gitlab_url(section);
        let admin_token = admin_token(section);
        let sudo_user = sudo_user(section);
        let ca_file = CaFile::read(section);
        let grant = rules::read_grant(section);
        let rules = rules::read(section, &grant);
        let allow_forks = section.or("allow_forks", false);
        let allow_admins = section.or("allow_admins", false);
        let single_use = section.or("single_use", false);
        let user_limit = RateLimit::read(section, "per_user", PER_USER);
        let project_limit = RateLimit::read(section, "per_project", PER_PROJECT);
        let log_claims = section.or("log_claims", false);
        let paused = section.or("paused", false);
        if paused {
            section.warn("paused", "no job is given a token; what was lent is still revoked");
        }
        let read_jwt =
            |section: &mut Section<'_>| ImpersonationJwt::read(section, gitlab_url.as_ref());
        let jwt = section.table("jwt", read_jwt).flatten();
        Some(Self {
            mount,
            gitlab_url: gitlab_url?,
            admin_token: admin_token?,
            sudo_user,
            ca_file,
            grant,
            rules,
            allow_forks,
            allow_admins,
            single_use,
            user_limit,
            project_limit,
            log_claims,
            paused,
            jwt: jwt?,
        })
    }
}

fn gitlab_url(section: &mut Section<'_>) -> Option<Url> {
    let url: Url = section.required("gitlab_url")?;
    if !is_safe(&url) {
        let problem = "must be an https URL: the administrator's token travels there";
        section.problem("gitlab_url", problem);
    }
    Some(url)
}

fn admin_token(section: &mut Section<'_>) -> Option<SecretString> {
    if !section.has("admin_token") && !section.has("admin_token_file") {
        section.problem("admin_token", "is required (or admin_token_file)");
    }
    section.token("admin_token")
}

/// GitLab takes a name or a number; both are visible characters of one word.
fn sudo_user(section: &mut Section<'_>) -> Option<String> {
    let user: String = section.optional("sudo_user")?;
    if user.is_empty() || user.len() > 255 || !user.bytes().all(|b| b.is_ascii_graphic()) {
        let problem = "must be the name of a GitLab user: visible ASCII characters";
        section.problem("sudo_user", problem);
    }
    Some(user)
}
