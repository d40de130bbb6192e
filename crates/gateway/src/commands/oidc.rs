//! `portcullis oidc import`: from the INI file of `oidc-token-proxy` to `[oidc_proxy]`.

mod ini;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde_json::json;
use toml::{Table, Value};

use self::ini::{Ini, Section};
use super::output::Output;
use crate::config::files;
use crate::error::StartError;

const CODE: &str = "ini";

/// Settings that are taken over as they are.
const TEXTS: [&str; 6] = [
    "jwks_file",
    "default_signing_alg",
    "issuer",
    "upstream_issuer",
    "upstream_jwks_uri",
    "upstream_jwks_file",
];
const NUMBERS: [&str; 2] = ["upstream_jwks_cache_max_age", "upstream_timeout"];
const MAPS: [&str; 2] = ["signing_key_ids", "extra_request_headers"];
const LIST: &str = "clone_upstream_claims";

/// Prints the TOML; what cannot be taken over is told beside it.
pub(super) fn import(file: &Path, output: &mut Output) -> Result<(), StartError> {
    let bad = |error: &dyn std::fmt::Display| {
        StartError::new(CODE, format!("{}: {error}", file.display()))
    };
    let content = files::read_small(file).map_err(|error| bad(&error))?;
    let text = std::str::from_utf8(&content.bytes).map_err(|_| bad(&"is not UTF-8"))?;
    let here = std::path::absolute(file).map_err(|error| bad(&error))?;
    let here = here.parent().unwrap_or(Path::new("/")).display().to_string();
    let ini = Ini::read(text, &here).map_err(|error| bad(&error))?;
    let (table, notes) = convert(&ini).map_err(|error| bad(&error))?;
    let text = toml::to_string(&table).map_err(|error| bad(&error))?;
    output.warnings(&notes);
    output.result(text.trim_end(), &json!(table));
    Ok(())
}

/// The configuration, and what its owner should look at.
fn convert(ini: &Ini) -> Result<(Table, Vec<String>), String> {
    let app = ini.app().ok_or("has no section [app:…] that uses oidc-token-proxy")?;
    let mut notes = Vec::new();
    let mut proxy = Table::new();
    for (name, value) in app {
        let value = value.trim();
        if value.is_empty() || name == "use" {
            continue;
        }
        let taken = match name.as_str() {
            name if TEXTS.contains(&name) => Value::from(value),
            name if NUMBERS.contains(&name) => {
                let number = value.parse::<i64>();
                Value::from(number.map_err(|_| format!("{name} is no whole number"))?)
            }
            name if MAPS.contains(&name) => Value::from(map(name, value)?),
            LIST => Value::Array(value.split_whitespace().map(Value::from).collect()),
            _ => {
                notes.push(format!("{name} is not taken over"));
                continue;
            }
        };
        proxy.insert(name.clone(), taken);
    }
    name_default(&mut proxy, app);
    let mut whole = Table::new();
    if let Some(listen) = listen(ini, &mut notes) {
        if !listen.ip().is_loopback() && !proxy.contains_key("issuer") {
            notes.push("name the issuer: it cannot follow the Host of a request here".to_owned());
        }
        let server = [("listen".to_owned(), Value::from(listen.to_string()))];
        whole.insert("server".to_owned(), Value::Table(server.into_iter().collect()));
    }
    whole.insert("oidc_proxy".to_owned(), Value::Table(proxy));
    Ok((whole, notes))
}

/// Lines of `name = value`.
fn pairs(text: &str) -> impl Iterator<Item = Option<(&str, &str)>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.split_once('=').map(|(name, value)| (name.trim(), value.trim())))
}

fn map(name: &str, text: &str) -> Result<Table, String> {
    let pair = |pair: Option<(&str, &str)>| {
        let (key, value) = pair.ok_or_else(|| format!("{name} has a line without \"=\""))?;
        Ok((key.to_owned(), Value::from(value)))
    };
    pairs(text).map(pair).collect()
}

/// Where nothing is said it is the first one there, and tables have no order here.
fn name_default(proxy: &mut Table, app: &Section) {
    let several =
        proxy.get("signing_key_ids").and_then(Value::as_table).is_some_and(|t| t.len() > 1);
    let first = app.get("signing_key_ids").and_then(|text| pairs(text).flatten().next());
    if let (true, false, Some((first, _))) =
        (several, proxy.contains_key("default_signing_alg"), first)
    {
        proxy.insert("default_signing_alg".to_owned(), first.into());
    }
}

/// The first address of its server.
fn listen(ini: &Ini, notes: &mut Vec<String>) -> Option<SocketAddr> {
    let server = ini.server()?;
    let get = |name: &str| server.get(name).map(|value| value.trim());
    let address = match get("listen") {
        Some(listen) => listen.split_whitespace().next()?.to_owned(),
        None => format!("{}:{}", get("host").unwrap_or("0.0.0.0"), get("port").unwrap_or("8080")),
    };
    let any = Ipv4Addr::UNSPECIFIED.to_string();
    let numeric = address.replacen("localhost:", "127.0.0.1:", 1).replacen("*:", &(any + ":"), 1);
    let parsed = numeric.parse().ok();
    if parsed.is_none() {
        notes.push(format!("server.listen is not taken over: {address} is no address with a port"));
    }
    parsed
}

#[cfg(test)]
mod tests;
