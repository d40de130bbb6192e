//! Whether the gateway lives, and whether it can work.

use actix_web::http::Method;
use actix_web::web::{self, Data};
use actix_web::{HttpResponse, http::header::ContentType};
use portcullis_store::Store;
use portcullis_web::{Access, Audit, Problem, Route, RouteTable};
use serde_json::json;

use crate::problems::of_store;

/// The routes, the same on both listeners.
pub(crate) fn routes() -> RouteTable {
    let route = |method, path: &str, handler, summary| Route {
        method,
        path: path.to_owned(),
        handler,
        access: Access::Public,
        audit: Audit::Nothing,
        summary,
    };
    vec![
        route(Method::GET, "/health", || web::to(health), "Whether the process lives"),
        route(Method::HEAD, "/health", || web::to(health), "Whether the process lives"),
        route(Method::GET, "/ready", || web::to(ready), "Whether the database answers"),
        route(Method::HEAD, "/ready", || web::to(ready), "Whether the database answers"),
    ]
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body("Healthy")
}

/// The keys were opened at the start, or there would be no process; the database may go at any time.
async fn ready(store: Data<Store>) -> Result<HttpResponse, Problem> {
    store.ping().await.map_err(|error| of_store(&error))?;
    Ok(HttpResponse::Ok().json(json!({ "ready": true })))
}
