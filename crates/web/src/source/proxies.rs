//! Whose word about a client counts.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue, X_FORWARDED_FOR};
use ipnet::IpNet;

use super::forwarded::{self, Hops, MOST_HOPS};

/// The header in which proxies name who asked them. The other one is never looked at: a proxy passes on
/// what it does not write itself, as the client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: addresses, the nearest last.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ProxyHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }

    /// The hops of one line; `None` where nothing in it can be relied on.
    fn hops(self, line: &HeaderValue) -> Option<Hops> {
        let line = line.to_str().ok()?;
        match self {
            Self::XForwardedFor => Some(forwarded::x_forwarded_for(line)),
            Self::Forwarded => forwarded::forwarded(line),
        }
    }
}

/// The proxies that are believed, and where they speak. With none, which is the default, nobody is.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
    header: ProxyHeader,
}

impl TrustedProxies {
    /// Whoever has an address in one of `networks`, speaking in `header`. An IPv4 network may be written
    /// as IPv6 maps it.
    pub fn new(networks: impl IntoIterator<Item = IpNet>, header: ProxyHeader) -> Self {
        Self { networks: networks.into_iter().map(unmapped).collect(), header }
    }

    /// Whether this address is one of theirs.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Who asked, where `peer` is trusted: the first address from the right that is not. Where a hop is
    /// unreadable or hidden, or they go on for ever, it is the last one that a trusted proxy vouches for.
    ///
    /// No more is read than the line that ends the walk, and no more kept than the last hops of a line.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<&HeaderValue> = headers.get_all(self.header.name()).collect();
        let (mut nearest, mut left) = (peer, MOST_HOPS);
        for line in lines.into_iter().rev() {
            let Some(hops) = self.header.hops(line) else { return nearest };
            for hop in hops.into_iter().rev() {
                let Some(address) = hop.filter(|_| left > 0) else { return nearest };
                (nearest, left) = (address, left - 1);
                if !self.trust(address) {
                    return address;
                }
            }
        }
        nearest
    }
}

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let v4 = mapped.and_then(|(address, prefix)| IpNet::new(address.into(), prefix).ok());
    v4.unwrap_or(network)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
