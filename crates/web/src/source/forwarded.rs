//! The two headers in which proxies name who asked them.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};

/// So many hops are looked at, from the right. Nobody has so many proxies of his own.
pub(super) const MOST_HOPS: usize = 32;

/// Hops of one line, the nearest last; `None` is one that has no address to rely on. One more than are
/// looked at, so that it shows that there were more.
pub(super) type Hops = VecDeque<Option<IpAddr>>;

fn keep(hops: &mut Hops, hop: Option<IpAddr>) {
    if hops.len() > MOST_HOPS {
        hops.pop_front();
    }
    hops.push_back(hop);
}

/// Addresses with commas between them, each with or without a port. What is left of one that cannot be
/// read does not matter.
pub(super) fn x_forwarded_for(line: &str) -> Hops {
    let mut hops = Hops::new();
    let entries = line.rsplit(',').map(|entry| entry.trim_matches(BLANK));
    for entry in entries.filter(|entry| !entry.is_empty()).take(MOST_HOPS + 1) {
        // Here an IPv6 address often stands without brackets, and then has no port.
        let address = entry.parse::<Ipv6Addr>().map(IpAddr::V6).ok().or_else(|| node(entry));
        hops.push_front(address.map(|address| address.to_canonical()));
    }
    hops
}

/// `Forwarded` (RFC 7239, section 4). It is read from its beginning, since a comma may stand in quotes, and
/// as strictly as it is written: what a client writes to the left of a proxy's element must not be able to
/// swallow it, or to look like it. `None` where the line is not well-formed.
pub(super) fn forwarded(line: &str) -> Option<Hops> {
    let (mut hops, mut rest) = (Hops::new(), line);
    loop {
        let element = element(&mut rest)?;
        if let Some(hop) = element {
            keep(&mut hops, hop);
        }
        match next(&mut rest) {
            None => return Some(hops),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

const BLANK: [char; 2] = [' ', '\t'];

/// The outer `None` is an element that is malformed, the middle one an empty element, the inner one an
/// element that names nobody.
#[expect(clippy::option_option, reason = "said above")]
fn element(rest: &mut &str) -> Option<Option<Option<IpAddr>>> {
    let (mut seen, mut said) = (false, None::<Option<IpAddr>>);
    loop {
        *rest = rest.trim_start_matches(BLANK);
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            let (name, value) = pair(rest)?;
            seen = true;
            if name.eq_ignore_ascii_case("for") && said.replace(node(&value)).is_some() {
                return None;
            }
            *rest = rest.trim_start_matches(BLANK);
        }
        if !rest.starts_with(';') {
            return Some(seen.then(|| said.flatten()));
        }
        next(rest);
    }
}

/// `token "=" ( token / quoted-string )`
fn pair<'a>(rest: &mut &'a str) -> Option<(&'a str, String)> {
    let name = token(rest)?;
    if next(rest) != Some('=') {
        return None;
    }
    let value = if rest.starts_with('"') { quoted(rest)? } else { token(rest)?.to_owned() };
    Some((name, value))
}

fn token<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~".contains(c));
    let (token, after) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = after;
    (!token.is_empty()).then_some(token)
}

fn quoted(rest: &mut &str) -> Option<String> {
    let mut text = String::new();
    next(rest);
    loop {
        match next(rest)? {
            '"' => return Some(text),
            '\\' => text.push(next(rest)?),
            other => text.push(other),
        }
    }
}

fn next(rest: &mut &str) -> Option<char> {
    let mut characters = rest.chars();
    let first = characters.next();
    *rest = characters.as_str();
    first
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`. Not
/// `unknown`, and no name that a proxy made up (section 6).
fn node(text: &str) -> Option<IpAddr> {
    let (address, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        (IpAddr::V6(address.parse().ok()?), port)
    } else {
        let (address, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        (IpAddr::V4(address.parse().ok()?), port)
    };
    is_port(port).then(|| address.to_canonical())
}

/// Nothing, or a colon with a number or a made-up name behind it.
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else { return text.is_empty() };
    let made_up = port.strip_prefix('_').is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    });
    made_up || ((1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()))
}
