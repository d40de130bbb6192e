//! `[server.limits]`, and which proxies are believed.

use std::net::IpAddr;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use portcullis_web::{BodyLimits, ProxyHeader, TrustedProxies};

use super::super::section::Section;
use super::super::setting::{Setting, parsed};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// `[server.limits]`: what clients may take of each listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// Connections at a time of one address that is no trusted proxy's; more are closed at once.
    pub max_connections_per_address: u32,
    /// Connections that may wait to be accepted.
    pub backlog: u32,
    /// How long the head of a request may take.
    pub request_timeout: Duration,
    /// How long a connection is kept open for the next request.
    pub keep_alive: Duration,
    /// How long the next part of a body may take.
    pub body_timeout: Duration,
    /// Bytes a second that a body has to come with, once it has been waited for longer than that.
    pub min_body_rate: u64,
    /// Bytes of bodies that are read whole, held at a time.
    pub max_held_bodies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 2000,
            max_connections_per_address: 500,
            backlog: 1024,
            request_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            min_body_rate: 4 << 10,
            max_held_bodies: 64 << 20,
        }
    }
}

impl Limits {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let defaults = Self::default();
        let mut count = |key, default, most| {
            usize::try_from(section.number(key, default, 1..=most)).unwrap_or(usize::MAX)
        };
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let max_connections = count("max_connections", defaults.max_connections as u64, 1_000_000);
        let per_address = u64::from(defaults.max_connections_per_address);
        let per_address = small(count("max_connections_per_address", per_address, 1_000_000));
        let backlog = small(count("backlog", u64::from(defaults.backlog), 65_535));
        let mut time = |key, default, least| section.duration(key, default, least..=HOUR);
        Self {
            max_connections,
            max_connections_per_address: per_address,
            backlog,
            request_timeout: time("request_timeout", defaults.request_timeout, SECOND),
            keep_alive: time("keep_alive", defaults.keep_alive, SECOND),
            body_timeout: time("body_timeout", defaults.body_timeout, SECOND),
            min_body_rate: size(section, "min_body_rate", defaults.min_body_rate, 1..=1 << 30),
            max_held_bodies: usize::try_from(size(
                section,
                "max_held_bodies",
                defaults.max_held_bodies as u64,
                1 << 20..=1 << 40,
            ))
            .unwrap_or(usize::MAX),
        }
    }

    /// Those of bodies, for one listener.
    pub(crate) fn of_bodies(&self) -> BodyLimits {
        BodyLimits::new(self.body_timeout, self.min_body_rate, self.max_held_bodies)
    }
}

fn size(
    section: &mut Section<'_>,
    key: &str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> u64 {
    let bounds = ByteSize::b(*range.start())..=ByteSize::b(*range.end());
    let value = section.or(key, ByteSize::b(default));
    section.inside(key, value, bounds, ByteSize::to_string).as_u64()
}

/// `trusted_proxies` and `proxy_header` of `[server]`.
pub(super) fn trusted_proxies(section: &mut Section<'_>) -> TrustedProxies {
    let networks = section.or_list("trusted_proxies", Vec::<IpNet>::new());
    if networks.iter().any(|network| network.prefix_len() == 0) {
        let warning = "believes everybody: who reaches this listener says who he is";
        section.warn("trusted_proxies", warning);
    }
    TrustedProxies::new(networks, section.or("proxy_header", ProxyHeader::default()))
}

impl Setting for IpNet {
    const WHAT: &'static str = "an address or a network";

    fn read(value: &toml::Value) -> Result<Self, String> {
        let expected =
            "an address, or a network without bits beyond its prefix, such as \"10.0.0.0/8\"";
        parsed(value, expected, |text| {
            let single = text.parse::<IpAddr>().map(IpNet::from);
            let network = single.ok().or_else(|| text.parse().ok())?;
            (network == network.trunc()).then_some(network)
        })
    }
}

impl Setting for ProxyHeader {
    const WHAT: &'static str = "one of its names";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "\"x-forwarded-for\" or \"forwarded\"", |text| {
            match text.to_ascii_lowercase().as_str() {
                "x-forwarded-for" => Some(Self::XForwardedFor),
                "forwarded" => Some(Self::Forwarded),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_or_a_whole_network() {
        for (text, network) in [
            ("10.0.0.1", Some("10.0.0.1/32")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("::1", Some("::1/128")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            // Meant as one machine, it would be sixteen millions.
            ("10.0.0.1/8", None),
            ("10.0.0.0/33", None),
            ("10.0.0.0/", None),
            ("10.0.0", None),
            ("10.0.0.1:80", None),
            ("[::1]", None),
            ("proxy.example.com", None),
            ("*", None),
            ("", None),
        ] {
            let read = IpNet::read(&toml::Value::from(text)).ok();
            assert_eq!(read.map(|network| network.to_string()).as_deref(), network, "{text}");
        }
    }
}
