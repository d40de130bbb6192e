//! The keys by which our own reports to vendors are signed, for vendors to fetch.

use actix_web::http::Method;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_web::{Access, Audit, Route, RouteTable, cached};
use sha2::{Digest as _, Sha256};

/// For how many seconds vendors may keep the document. A key that is not current any more stays in it.
const MAX_AGE: u64 = 300;

/// The document with the public keys, as it is handed out.
pub struct PublicKeys {
    document: String,
    tag: String,
}

impl PublicKeys {
    /// Hands out this document, which is JSON.
    pub fn new(document: String) -> Self {
        let tag = hex::encode(&Sha256::digest(&document)[..16]);
        Self { document, tag }
    }
}

/// The route to them, below `mount` (`/` or a path), for gateways that tell vendors anything.
pub fn public_key_routes(mount: &str) -> RouteTable {
    let mount = mount.trim_end_matches('/');
    let route = |method| Route {
        method,
        path: format!("{mount}/v1/public_keys"),
        handler: || web::to(public_keys),
        access: Access::Public,
        audit: Audit::Nothing,
        summary: "The keys that sign our reports to vendors",
        docs: crate::docs::public_keys,
    };
    vec![route(Method::GET), route(Method::HEAD)]
}

async fn public_keys(request: HttpRequest, keys: Data<PublicKeys>) -> HttpResponse {
    cached(&request, MAX_AGE, "application/json", keys.tag.clone(), keys.document.clone())
}
