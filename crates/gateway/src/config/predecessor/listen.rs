//! `ASPNETCORE_URLS`, as Kestrel (the server of ASP.NET) reads it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What becomes of addresses with TLS.
pub(super) const TLS: &str = "its https addresses are passed over: this listener speaks TLS by \
                              server.tls, or leaves it to a proxy in front";

const FORM: &str = "must be http://HOST:PORT, where HOST is an IP address, localhost, + or *, or \
                    several of these, separated by ';'";
const NO_HTTP: &str = "has no http address: TLS is a matter of server.tls, or of a proxy in front; \
                       give one, or server.listen";

// What Kestrel takes for http where no port is said.
const PORT: u16 = 80;

/// The first http address of `urls`, and whether https ones were passed over.
pub(super) fn address(urls: &str) -> Result<(SocketAddr, bool), &'static str> {
    let mut over_tls = false;
    let mut first = None;
    for url in urls.split(';').map(str::trim).filter(|url| !url.is_empty()) {
        let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
        if scheme.eq_ignore_ascii_case("https") {
            over_tls = true;
        } else if scheme.eq_ignore_ascii_case("http") {
            let address = socket(rest.strip_suffix('/').unwrap_or(rest)).ok_or(FORM)?;
            first = first.or(Some(address));
        } else {
            return Err(FORM);
        }
    }
    first.map(|address| (address, over_tls)).ok_or(NO_HTTP)
}

fn socket(text: &str) -> Option<SocketAddr> {
    // An IPv6 address in brackets has colons of its own.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, PORT),
    };
    let ip = match host {
        "+" | "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        name if name.eq_ignore_ascii_case("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => match ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
            Some(inner) => IpAddr::V6(inner.parse().ok()?),
            None => IpAddr::V4(ip.parse().ok()?),
        },
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_http_address_counts() {
        for (urls, listen, over_tls) in [
            ("http://+:8080", "0.0.0.0:8080", false),
            ("http://*:80/", "0.0.0.0:80", false),
            ("http://0.0.0.0:8080", "0.0.0.0:8080", false),
            ("HTTP://[::]:5000", "[::]:5000", false),
            ("http://[::1]", "[::1]:80", false),
            ("http://+", "0.0.0.0:80", false),
            ("http://LocalHost:5000", "127.0.0.1:5000", false),
            (" http://127.0.0.1:1 ; http://127.0.0.1:2;", "127.0.0.1:1", false),
            ("https://+:443;http://+:80", "0.0.0.0:80", true),
        ] {
            assert_eq!(address(urls), Ok((listen.parse().unwrap(), over_tls)), "{urls}");
        }
    }

    #[test]
    fn what_cannot_be_listened_on_is_a_problem() {
        for (urls, problem) in [
            ("https://+:443", NO_HTTP),
            (";", NO_HTTP),
            ("+:80", FORM),
            ("8080", FORM),
            ("tcp://+:80", FORM),
            ("http://+:80/path", FORM),
            ("http://unix:/run/x.sock", FORM),
            ("http://gw.example.com:80", FORM),
            ("http://256.1.1.1:80", FORM),
            ("http://+:65536", FORM),
            ("http://:80", FORM),
            ("http://", FORM),
            ("http://::1:80", FORM),
            ("http://+:80;http://nowhere", FORM),
        ] {
            assert_eq!(address(urls), Err(problem), "{urls}");
        }
    }
}
