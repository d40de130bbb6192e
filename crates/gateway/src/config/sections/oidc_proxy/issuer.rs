//! How our issuer is called.

use portcullis_base::http::is_safe;
use portcullis_oidc_proxy::IssuerName;
use url::Url;

use super::super::super::section::Section;
use super::super::server::Server;

/// `issuer`, or else what `server` says. `None` only with a problem noted, or where `server` has one.
pub(super) fn read(
    section: &mut Section<'_>,
    mount: &str,
    server: Option<&Server>,
) -> Option<IssuerName> {
    let path = mount.trim_end_matches('/');
    if section.has("issuer") {
        let issuer: String = section.optional("issuer")?;
        return check(section, &issuer).then_some(IssuerName::Fixed(issuer));
    }
    section.known("issuer", false, None, "a URL");
    let server = server?;
    if let Some(url) = &server.public_url {
        let issuer = format!("{}{path}", url.as_str().trim_end_matches('/'));
        return check(section, &issuer).then_some(IssuerName::Fixed(issuer));
    }
    if !server.listen.ip().is_loopback() {
        let problem = "is required (or server.public_url), unless server.listen is on loopback: \
                       a caller would choose the issuer by the Host that it sends";
        section.problem("issuer", problem);
        return None;
    }
    let warning = "neither it nor server.public_url is there: a caller chooses the issuer by the \
                   Host that it sends";
    section.warn("issuer", warning);
    Some(IssuerName::OfRequest(mount.to_owned()))
}

/// Whether verifiers can look for keys below it.
pub(crate) fn is_issuer(issuer: &str) -> bool {
    parse(issuer).is_some()
}

/// Verifiers look for the keys below it (OIDC Discovery 1.0, section 4.1).
fn parse(issuer: &str) -> Option<Url> {
    let plain = issuer.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    Url::parse(issuer).ok().filter(|url| {
        let anonymous = url.username().is_empty() && url.password().is_none();
        let whole = url.query().is_none() && url.fragment().is_none();
        plain && matches!(url.scheme(), "https" | "http") && anonymous && whole && url.has_host()
    })
}

fn check(section: &mut Section<'_>, issuer: &str) -> bool {
    match parse(issuer) {
        None => {
            section.problem("issuer", "must be an https URL without user, query or fragment");
            false
        }
        Some(url) => {
            if !is_safe(&url) {
                section.warn("issuer", "not https: whoever verifies its tokens refuses to ask it");
            }
            true
        }
    }
}
