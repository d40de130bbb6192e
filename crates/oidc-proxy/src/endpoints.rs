//! What the world reads, and what jobs ask for.

mod docs;
mod document;
mod exchange;
mod files;
mod token;

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::HOST;
use actix_web::web;
use portcullis_web::{Access, Audit, Problem, Route, RouteTable};

use crate::recognise::Recognised;
use crate::resign::ReSigner;
pub use files::{Exported, export};

/// How the issuer is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerName {
    /// So, whoever asks.
    Fixed(String),
    /// As the request calls it, below this path. A caller chooses `iss` with it: for trying things out on
    /// loopback.
    OfRequest(String),
}

/// The re-signer as a surface.
#[derive(Clone)]
pub struct OidcProxy(Arc<Inner>);

struct Inner {
    resigner: ReSigner,
    issuer: IssuerName,
    max_age: u64,
}

impl OidcProxy {
    /// A surface of this re-signer. `max_age` is how many seconds the discovery document and the keys may be
    /// kept by whoever reads them: no longer than a new key is published before it signs.
    pub fn new(resigner: ReSigner, issuer: IssuerName, max_age: u64) -> Self {
        Self(Arc::new(Inner { resigner, issuer, max_age }))
    }

    /// The re-signer.
    pub fn resigner(&self) -> &ReSigner {
        &self.0.resigner
    }

    /// What is known of a token that was found somewhere, where a signature proves that it is ours or an
    /// upstream's. Waits for nothing.
    pub fn recognise(&self, token: &str) -> Option<Recognised> {
        let issuer = match &self.0.issuer {
            IssuerName::Fixed(issuer) => Some(issuer.as_str()),
            IssuerName::OfRequest(_) => None,
        };
        self.0.resigner.recognise(issuer, token)
    }

    /// The issuer's name for this request.
    fn issuer(&self, request: &HttpRequest) -> Result<String, Problem> {
        match &self.0.issuer {
            IssuerName::Fixed(issuer) => Ok(issuer.clone()),
            IssuerName::OfRequest(mount) => {
                let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
                let host = host.filter(|host| is_host(host)).ok_or_else(|| {
                    Problem::bad_request(
                        "host",
                        "the request does not say at which host it is made",
                    )
                })?;
                let scheme = if request.app_config().secure() { "https" } else { "http" };
                Ok(format!("{scheme}://{host}{}", mount.trim_end_matches('/')))
            }
        }
    }
}

/// A name or an address, perhaps with a port.
fn is_host(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(fits)
}

/// The routes, below `mount` (`/` or a path).
pub fn routes(mount: &str) -> RouteTable {
    let at = |path: &str| format!("{}{path}", mount.trim_end_matches('/'));
    let read = |method, path: &str, handler, summary, docs| Route {
        method,
        path: at(path),
        handler,
        access: Access::Public,
        audit: Audit::Nothing,
        summary,
        docs,
    };
    let (discovery, keys) = (document::DISCOVERY.path, document::KEYS.path);
    let (what, which) = ("What this issuer is, for verifiers", "The public keys of this issuer");
    vec![
        read(Method::GET, discovery, || web::to(document::discovery), what, docs::discovery),
        read(Method::HEAD, discovery, || web::to(document::discovery), what, docs::discovery),
        read(Method::GET, keys, || web::to(document::keys), which, docs::keys),
        read(Method::HEAD, keys, || web::to(document::keys), which, docs::keys),
        Route {
            method: Method::POST,
            path: at("/token"),
            handler: || web::to(token::resign),
            access: Access::UpstreamToken,
            audit: Audit::Entry("oidc_proxy.issue"),
            summary: "A token of this issuer for one of an upstream issuer",
            docs: docs::resign,
        },
    ]
}
