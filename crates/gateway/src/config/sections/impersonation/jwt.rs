//! `[impersonation.jwt]`: what makes a job's JWT good.

use url::Url;

use super::super::super::section::Section;
use super::super::oidc::{KeysFrom, check_issuer, is_authority, read_keys};

/// `[impersonation.jwt]`
#[derive(Debug, Clone)]
pub struct ImpersonationJwt {
    /// What `iss` has to be, to the letter.
    pub issuer: String,
    /// Where the keys are.
    pub keys: KeysFrom,
    /// `aud` has to be, or have, one of these; `None` lets any pass.
    pub audiences: Option<Vec<String>>,
}

impl ImpersonationJwt {
    /// `None` only without an issuer where `gitlab` has a problem, or with a problem noted.
    pub(super) fn read(section: &mut Section<'_>, gitlab: Option<&Url>) -> Option<Self> {
        let gitlab = gitlab.map(|url| url.as_str().trim_end_matches('/').to_owned());
        let given: Option<String> = section.optional("issuer");
        check_issuer(section, given.as_deref());
        if given.as_deref().is_some_and(|issuer| !issuer.contains("://")) {
            let warning = "GitLab's id_tokens have its URL as their issuer; its bare host was that \
                           of CI_JOB_JWT, which is gone with GitLab 17";
            section.warn("issuer", warning);
        }
        let issuer = given.or_else(|| gitlab.clone());
        // At an issuer that is a bare host nothing can be discovered.
        let authority = issuer.clone().filter(|issuer| is_authority(issuer)).or(gitlab);
        let keys = read_keys(section, authority.as_deref().filter(|text| is_authority(text)));
        let audiences = read_audiences(section);
        Some(Self { issuer: issuer?, keys: keys?, audiences })
    }
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
