//! Which tokens are signed anew, and what stands in ours.

use std::collections::BTreeMap;

use portcullis_jwt_verify::rules::{Claims, Rule, Rules};
use portcullis_oidc_proxy::resign::COMPOSED;
use portcullis_oidc_proxy::subject::{Template, TemplateError};

use super::super::super::node::Node;
use super::super::super::section::Section;
use super::super::super::setting::{Setting, parsed};
use super::super::impersonation::json_of_node;
use super::upstream::OidcUpstream;

#[derive(PartialEq)]
struct Separator(char);

impl Setting for Separator {
    const WHAT: &'static str = "one character";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "one character", |text| {
            let mut letters = text.chars();
            letters.next().filter(|_| letters.next().is_none()).map(Self)
        })
    }
}

/// How `sub` is composed, if it is; `None` also with a problem noted.
pub(super) fn read_subject(section: &mut Section<'_>) -> Option<Template> {
    let text: Option<String> = section.optional("subject");
    let separated = section.has("subject_separator");
    let Separator(separator) = section.or("subject_separator", Separator(':'));
    let Some(text) = text else {
        if separated {
            section.warn("subject_separator", "is not used: there is no subject");
        }
        return None;
    };
    let parsed = Template::parse(&text, separator);
    if let Err(error) = &parsed {
        let key = match error {
            TemplateError::Separator => "subject_separator",
            TemplateError::Brace | TemplateError::NoClaim | TemplateError::TooClose(..) => {
                "subject"
            }
        };
        section.problem(key, error.to_string());
    }
    parsed.ok()
}

/// Claims that are taken over: none of those that are composed here.
pub(super) fn read_cloned(section: &mut Section<'_>, subject: bool, token_id: bool) -> Vec<String> {
    let cloned: Vec<String> = section.or_list("clone_upstream_claims", Vec::new());
    for (i, name) in cloned.iter().enumerate() {
        let key = format!("clone_upstream_claims[{i}]");
        let problem = match name.as_str() {
            "" => "must be the name of a claim",
            "sub" if subject => "is composed by oidc_proxy.subject: leave one of them out",
            "jti" if token_id => "is given by oidc_proxy.token_id: leave one of them out",
            name if COMPOSED.contains(&name) => {
                "iss, aud, exp, iat and nbf are composed here, and never cloned"
            }
            _ if cloned[..i].contains(name) => "named twice",
            _ => continue,
        };
        section.problem(&key, problem);
    }
    cloned
}

/// What one issuer calls somebody another may call somebody else.
pub(super) fn warn_of_namesakes(
    section: &mut Section<'_>,
    subject: Option<&Template>,
    cloned: &[String],
) {
    let told_apart = match subject {
        Some(template) => template.claims().any(|claim| claim == "iss"),
        None => !cloned.iter().any(|claim| claim == "sub"),
    };
    if !told_apart {
        let warning = "sub does not say of which of them a token is: whoever has the same name at \
                       two of them has the same sub here";
        section.warn("upstreams", warning);
    }
}

/// A subject that names the issuer could never be composed where every issuer has the separator in it.
pub(super) fn check_issuers(
    section: &mut Section<'_>,
    subject: Option<&Template>,
    upstreams: &[OidcUpstream],
) {
    let Some(template) = subject.filter(|subject| subject.claims().any(|claim| claim == "iss"))
    else {
        return;
    };
    if upstreams.iter().any(|upstream| upstream.issuer.contains(template.separator())) {
        let problem = "is in an upstream's issuer, which subject names: nothing could be signed; choose \
                       another, such as \"|\"";
        section.problem("subject_separator", problem);
    }
}

/// Whom tokens may be for.
pub(super) fn read_audiences(section: &mut Section<'_>) -> Option<Vec<String>> {
    let given = section.has("audiences");
    let audiences = section.list::<String>("audiences");
    let named = |all: &Vec<String>| !all.is_empty() && !all.iter().any(String::is_empty);
    if given && !audiences.as_ref().is_none_or(named) {
        section.problem("audiences", "must name at least one audience, and none that is empty");
    }
    audiences
}

/// Which tokens are signed anew.
pub(super) fn read_rules(section: &mut Section<'_>) -> Rules<()> {
    let given = section.has("rules");
    let rules = section.tables("rules", |section| {
        let claims = section.whole("claims", read_conditions);
        if claims == Some(Claims::default()) {
            section.warn("claims", "there are none: the rule holds for every token");
        }
        Rule { claims: claims.unwrap_or_default(), outcome: () }
    });
    if given && rules.is_empty() {
        section.problem("rules", "must be a list with at least one rule, or be left out");
    }
    Rules::new(rules)
}

fn read_conditions(section: &mut Section<'_>, entries: BTreeMap<String, Node>) -> Claims {
    let mut conditions = Vec::with_capacity(entries.len());
    for (name, node) in entries {
        let condition = (name.clone(), json_of_node(node));
        // One by one, so that every bad one is told.
        if let Err(error) = Claims::parse([condition.clone()]) {
            section.problem(&name, error.why.to_string());
        }
        conditions.push(condition);
    }
    // Where this fails, the problem is noted.
    Claims::parse(conditions).unwrap_or_default()
}
