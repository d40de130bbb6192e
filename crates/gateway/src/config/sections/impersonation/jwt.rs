//! `[impersonation.jwt]`: what makes a job's JWT good.

use url::Url;

use super::super::super::section::Section;
use super::super::oidc::{KeysFrom, check_issuer, is_authority, read_keys};

/// `[impersonation.jwt]`
#[derive(Debug, Clone)]
pub struct ImpersonationJwt {
    /// `iss` has to be one of these, to the letter; never empty.
    pub issuers: Vec<String>,
    /// Where the keys are.
    pub keys: KeysFrom,
    /// `aud` has to be, or have, one of these; `None` lets any pass.
    pub audiences: Option<Vec<String>>,
}

impl ImpersonationJwt {
    /// `None` only without an issuer where `gitlab` has a problem, or with a problem noted.
    pub(super) fn read(section: &mut Section<'_>, gitlab: Option<&Url>) -> Option<Self> {
        let gitlab = gitlab.map(|url| url.as_str().trim_end_matches('/').to_owned());
        let given = read_issuers(section);
        // At an issuer that is a bare host nothing can be discovered.
        let named = given.iter().flatten().find(|issuer| is_authority(issuer)).cloned();
        let authority = named.or_else(|| gitlab.clone()).filter(|text| is_authority(text));
        let keys = read_keys(section, authority.as_deref());
        let audiences = read_audiences(section);
        let issuers = given.or_else(|| gitlab.map(|url| vec![url]));
        Some(Self { issuers: issuers?, keys: keys?, audiences })
    }
}

/// `None` where none is given.
fn read_issuers(section: &mut Section<'_>) -> Option<Vec<String>> {
    let issuers: Vec<String> = section.one_or_list("issuer")?;
    if issuers.is_empty() {
        section.problem("issuer", "must name at least one issuer, or be left out");
    }
    for (i, issuer) in issuers.iter().enumerate() {
        let key = if issuers.len() == 1 { "issuer".to_owned() } else { format!("issuer[{i}]") };
        check_issuer(section, &key, Some(issuer));
        if issuers[..i].contains(issuer) {
            section.problem(&key, "named twice");
        }
    }
    if !issuers.is_empty() && !issuers.iter().any(|issuer| issuer.contains("://")) {
        let warning = "GitLab's id_tokens have its URL as their issuer; its bare host was that \
                       of CI_JOB_JWT, which is gone with GitLab 17";
        section.warn("issuer", warning);
    }
    Some(issuers)
}

fn read_audiences(section: &mut Section<'_>) -> Option<Vec<String>> {
    let given = section.has("audiences");
    let audiences: Vec<String> = section.list("audiences").unwrap_or_default();
    let validate = section.or("validate_audience", true);
    if !validate {
        let warning = "any aud passes, so a token that is meant for somebody else does: name \
                       audiences instead";
        section.warn("validate_audience", warning);
    } else if !given {
        let problem = "is required: name the aud of your jobs' tokens (id_tokens says it), or let \
                       any pass with validate_audience = false";
        section.problem("audiences", problem);
    } else if audiences.is_empty() || audiences.iter().any(String::is_empty) {
        section.problem("audiences", "must name at least one audience, and none that is empty");
    }
    validate.then_some(audiences)
}
