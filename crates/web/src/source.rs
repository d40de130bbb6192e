//! Where a request comes from.

use std::net::IpAddr;

use actix_web::HttpRequest;

/// The client's address: what limits count, and what records name. `None` where the transport has no
/// addresses.
pub fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|address| address.ip().to_canonical())
}
