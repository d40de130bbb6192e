//! The environment variables of gitlab-jwt-2-pat, whose place `[impersonation]` takes. They fill in
//! what neither the file nor a `PORTCULLIS__` variable says.

mod listen;

use std::collections::BTreeMap;

use super::environment::Environment;
use super::node::Node;
use super::problem::Notes;
use super::sections::is_authority;

const SECTION: &str = "impersonation";
const HOSTNAME: &str = "GITLAB__HOSTNAME";
const SCOPES: &str = "GITLAB__TOKENCONFIG__SCOPES";
const ISSUER: &str = "JWT__ISSUER";
const URLS: &str = "ASPNETCORE_URLS";

/// Where a variable's value goes.
struct Place {
    variable: &'static str,
    table: &'static [&'static str],
    key: &'static str,
    /// Keys beside it that settle the same.
    settled_by: &'static [&'static str],
    read: fn(&str) -> String,
}

const PLACES: [Place; 8] = [
    Place::new(HOSTNAME, &[SECTION], "gitlab_url", &[], url_of),
    Place::new("GITLAB__APIKEY", &[SECTION], "admin_token", &["admin_token_file"], str::to_owned),
    Place::new("GITLAB__SUDOUSERLOGIN", &[SECTION], "sudo_user", &[], str::to_owned),
    Place::new(
        "GITLAB__TOKENCONFIG__REVOKESECONDS",
        &[SECTION],
        "revoke_seconds",
        &[],
        str::to_owned,
    ),
    Place::new(ISSUER, &[SECTION, "jwt"], "issuer", &[], str::to_owned),
    Place::new(
        "JWT__AUTHORITY",
        &[SECTION, "jwt"],
        "authority",
        &["jwks_url", "jwks_file"],
        without_final_slash,
    ),
    Place::new(
        "JWT__VALIDATE__AUDIENCE",
        &[SECTION, "jwt"],
        "validate_audience",
        &["audiences"],
        truth_of,
    ),
    Place::new("JWT__DEBUG", &[SECTION], "log_claims", &[], truth_of),
];

impl Place {
    const fn new(
        variable: &'static str,
        table: &'static [&'static str],
        key: &'static str,
        settled_by: &'static [&'static str],
        read: fn(&str) -> String,
    ) -> Self {
        Self { variable, table, key, settled_by, read }
    }
}

/// It wrote `<hostname>/api/v4/…`, so that most have a URL there, whatever the variable is called.
fn url_of(text: &str) -> String {
    if text.contains("://") { text.to_owned() } else { format!("https://{text}") }
}

/// With or without it, the document was found; we take it to the letter, and GitLab writes none.
fn without_final_slash(text: &str) -> String {
    text.trim_end_matches('/').to_owned()
}

/// .NET reads "True" too.
fn truth_of(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// One variable that is set and not empty.
struct Said<'e> {
    /// In upper case: .NET does not tell cases apart.
    upper: String,
    /// As it is spelt.
    name: String,
    /// `None` where it is not UTF-8.
    text: Option<&'e str>,
}

/// Fills `root` in. Their names are not ours alone, so they count only where the section is there, or
/// the one among them that nobody could do without.
pub(super) fn fill_in(root: &mut Node, environment: &Environment, notes: &mut Notes) {
    let mut said = said(environment);
    let moved = said.iter().any(|one| one.upper == HOSTNAME);
    let configured = matches!(root, Node::Table(entries) if entries.contains_key(SECTION));
    if !moved && !configured {
        return;
    }
    // Images of .NET set it for whatever runs in them. It is the predecessor's only beside its own.
    said.retain(|one| moved || one.upper != URLS);
    for pair in said.windows(2).filter(|pair| pair[0].upper == pair[1].upper) {
        notes.problem(&pair[1].name, format!("set twice: {} is the same", pair[0].name));
    }
    let mut scopes = Vec::new();
    for Said { upper, name, text } in said {
        let Some(text) = text else {
            notes.problem(name, "the value is not UTF-8");
            continue;
        };
        if upper == URLS {
            listen_at(root, name, text, notes);
        } else if let Some(place) = PLACES.iter().find(|place| place.variable == upper) {
            fill(root, place, name, text, notes);
        } else {
            scopes.push((upper, name, text));
        }
    }
    fill_scopes(root, scopes, notes);
}

/// Those of its variables that are set, by name.
fn said(environment: &Environment) -> Vec<Said<'_>> {
    let mut all: Vec<Said<'_>> = environment
        .variables()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let name = name.to_string_lossy().into_owned();
            Said { upper: name.to_ascii_uppercase(), name, text: value.to_str() }
        })
        .filter(|Said { upper, .. }| {
            let is_scope = upper.strip_prefix(SCOPES);
            let is_scope = is_scope.is_some_and(|rest| rest.is_empty() || rest.starts_with("__"));
            is_scope || upper == URLS || PLACES.iter().any(|place| place.variable == upper)
        })
        .collect();
    all.sort_by(|a, b| (&a.upper, &a.name).cmp(&(&b.upper, &b.name)));
    all
}

fn fill(root: &mut Node, place: &Place, variable: String, text: &str, notes: &mut Notes) {
    let Some(table) = table(root, place.table) else { return };
    let mut settled = place.settled_by.iter().chain([&place.key]);
    if settled.any(|key| table.contains_key(*key)) {
        return;
    }
    let path = format!("{}.{}", place.table.join("."), place.key);
    notes.came_from(path.clone(), &variable);
    let text = (place.read)(text);
    let node = Node::Text { text, variable };
    let node =
        if place.variable == ISSUER { with_authority(root, node, &path, notes) } else { node };
    if let Some(table) = self::table(root, place.table) {
        table.insert(place.key.to_owned(), node);
    }
}

/// It took tokens of this issuer, and those of the one that the discovery document names: with the
/// authority to the letter it is the same. What says where that is has been filled in before.
fn with_authority(root: &mut Node, issuer: Node, path: &str, notes: &mut Notes) -> Node {
    let Node::Text { text, variable } = issuer else { return issuer };
    let told = table(root, &[SECTION, "jwt"]).and_then(|jwt| text_at(jwt, "authority"));
    let told =
        told.or_else(|| table(root, &[SECTION]).and_then(|broker| text_at(broker, "gitlab_url")));
    let authority = told.map(|url| url.trim_end_matches('/').to_owned());
    let Some(authority) = authority.filter(|url| *url != text && is_authority(url)) else {
        return Node::Text { text, variable };
    };
    notes.came_from(format!("{path}[0]"), &variable);
    let authority = Node::Text { text: authority, variable: variable.clone() };
    Node::List(vec![Node::Text { text, variable }, authority])
}

fn text_at(table: &BTreeMap<String, Node>, key: &str) -> Option<String> {
    match table.get(key)? {
        Node::Text { text, .. } => Some(text.clone()),
        Node::Value(value) => value.as_str().map(str::to_owned),
        Node::Absent | Node::Table(_) | Node::List(_) => None,
    }
}

/// All of them are one list: where another one is given, none of them counts.
fn fill_scopes(root: &mut Node, said: Vec<(String, String, &str)>, notes: &mut Notes) {
    let mut numbered = Vec::with_capacity(said.len());
    for (upper, name, text) in said {
        let number = upper.strip_prefix(SCOPES).and_then(|rest| rest.strip_prefix("__"));
        match number.and_then(|number| number.parse::<u32>().ok()) {
            Some(number) => numbered.push((number, name, text)),
            None => notes.problem(name, format!("must be {SCOPES}__0, or another number")),
        }
    }
    // Of names, "10" would come before "2". Gaps count for nothing, as in .NET.
    numbered.sort();
    let Some(table) = table(root, &[SECTION]) else { return };
    let Some((_, first, _)) = numbered.first() else { return };
    if table.contains_key("scopes") {
        return;
    }
    notes.came_from(format!("{SECTION}.scopes"), first);
    let scope = |(i, (_, variable, text)): (usize, (u32, String, &str))| {
        notes.came_from(format!("{SECTION}.scopes[{i}]"), &variable);
        Node::Text { text: text.to_owned(), variable }
    };
    let scopes = numbered.into_iter().enumerate().map(scope).collect();
    table.insert("scopes".to_owned(), Node::List(scopes));
}

fn listen_at(root: &mut Node, variable: String, text: &str, notes: &mut Notes) {
    let Some(table) = table(root, &["server"]).filter(|table| !table.contains_key("listen")) else {
        return;
    };
    match listen::address(text) {
        Ok((address, over_tls)) => {
            if over_tls {
                notes.warn(&variable, listen::TLS);
            }
            notes.came_from("server.listen".to_owned(), &variable);
            table.insert("listen".to_owned(), Node::Text { text: address.to_string(), variable });
        }
        Err(problem) => notes.problem(variable, problem),
    }
}

/// The table at `path`, made where nothing is; `None` where something else stands.
fn table<'n>(node: &'n mut Node, path: &[&str]) -> Option<&'n mut BTreeMap<String, Node>> {
    *node = match std::mem::replace(node, Node::Absent).expanded() {
        Node::Absent => Node::empty(),
        other => other,
    };
    let Node::Table(entries) = node else { return None };
    match path {
        [] => Some(entries),
        [first, rest @ ..] => {
            table(entries.entry((*first).to_owned()).or_insert(Node::Absent), rest)
        }
    }
}
