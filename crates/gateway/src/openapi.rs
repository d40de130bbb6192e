//! The OpenAPI document of this gateway: made from the route tables, served by both listeners.

use actix_web::http::Method;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_web::{Access, Audit, Docs, Listener, Route, RouteTable, cached, document};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::serve::{admin_routes, public_routes};

/// How many seconds a copy may be kept.
const MAX_AGE: u64 = 300;
const KIND: &str = "application/json";

const ABOUT: &str = "One gateway for the tokens around GitLab and Gerrit.\n\n\
    Errors are `application/problem+json` (RFC 9457). Their `code` is for programs: a code keeps its meaning, \
    and new ones may come. A path that is not there is 404 `not_found`; a method that a path does not take is \
    405 `method_not_allowed` with `Allow`. `HEAD` is taken only where it is listed.";

/// The documents, as they are served: app data of the handlers.
pub(crate) struct Documents {
    public: Document,
    admin: Document,
}

struct Document {
    text: String,
    tag: String,
}

impl Documents {
    /// Of the gateway that this configuration makes.
    pub(crate) fn new(config: &Config) -> Self {
        let public = public_routes(config);
        let listener = Listener { table: &public, url: "/".to_owned(), about: PUBLIC };
        let public = Document::new(&document(&info(), &[listener]));
        Self { public, admin: Document::new(&whole(config, &public_url(config), "/")) }
    }
}

impl Document {
    fn new(document: &Value) -> Self {
        let text = document.to_string();
        let tag = hex::encode(&Sha256::digest(&text)[..16]);
        Self { text, tag }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        cached(request, MAX_AGE, KIND, self.tag.clone(), self.text.clone())
    }
}

const PUBLIC: &str = "The public listener";
const OPERATORS: &str = "The operators' listener";

/// The document of both listeners, which are at these addresses.
pub fn whole(config: &Config, public: &str, operators: &str) -> Value {
    let tables = (public_routes(config), admin_routes());
    let listeners = [
        Listener { table: &tables.0, url: public.to_owned(), about: PUBLIC },
        Listener { table: &tables.1, url: operators.to_owned(), about: OPERATORS },
    ];
    document(&info(), &listeners)
}

/// Where the world knows the public listener, or else where it listens.
fn public_url(config: &Config) -> String {
    let server = &config.server;
    server.public_url.as_ref().map_or_else(
        || format!("http://{}", server.listen),
        |url| url.as_str().trim_end_matches('/').to_owned(),
    )
}

fn info() -> Value {
    json!({
        "title": "Portcullis",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "license": { "name": "MIT OR Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
    })
}

/// The routes of the public listener, whose document has nothing of the operators'.
pub(crate) fn routes() -> RouteTable {
    table(|| web::to(public))
}

/// The same for operators: the document of both listeners.
pub(crate) fn operators_routes() -> RouteTable {
    table(|| web::to(operators))
}

fn table(handler: fn() -> actix_web::Route) -> RouteTable {
    let route = |method| Route {
        method,
        path: "/openapi.json".to_owned(),
        handler,
        access: Access::Public,
        audit: Audit::Nothing,
        summary: "This document",
        docs: || {
            let any = json!({ "type": "object", "required": ["openapi", "info", "paths"] });
            Docs::new("Health").answers_as(200, KIND, any, "OpenAPI 3.1.").cached()
        },
    };
    vec![route(Method::GET), route(Method::HEAD)]
}

async fn public(request: HttpRequest, documents: Data<Documents>) -> HttpResponse {
    documents.public.answer(&request)
}

async fn operators(request: HttpRequest, documents: Data<Documents>) -> HttpResponse {
    documents.admin.answer(&request)
}
