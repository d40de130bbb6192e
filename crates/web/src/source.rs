//! Where a request comes from.

mod forwarded;
mod proxies;

use std::net::IpAddr;

use actix_web::{HttpMessage as _, HttpRequest};

pub use proxies::{ProxyHeader, TrustedProxies};

/// What was found out of a request, so that it is found out once.
struct Known(IpAddr);

/// The client's address: what limits count, and what records name. `None` where the transport has no
/// addresses.
///
/// It is the peer's, unless the peer is one of the [`TrustedProxies`] in the app data: then it is what
/// they say, as far as each of them is to be believed. Nobody else is believed anything.
pub fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let proxies = request.app_data::<TrustedProxies>();
    let Some(proxies) = proxies.filter(|proxies| proxies.trust(peer)) else { return Some(peer) };
    if let Some(Known(address)) = request.extensions().get() {
        return Some(*address);
    }
    let address = proxies.client(peer, request.headers());
    request.extensions_mut().insert(Known(address));
    Some(address)
}
