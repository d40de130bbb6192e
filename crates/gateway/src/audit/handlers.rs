//! `GET /v1/audit/head` on the operators' listener.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data};
use portcullis_base::{Clock as _, SystemClock};
use portcullis_store::Store;
use portcullis_store::audit::AuditKey;
use portcullis_web::{Access, Audit, Docs, Problem, Route, RouteTable};

use super::head::Heads;
use crate::admin::Admin;
use crate::problems::of_store;

/// The routes, all for holders of an admin token.
pub(crate) fn routes() -> RouteTable {
    vec![Route {
        method: Method::GET,
        path: "/v1/audit/head".to_owned(),
        handler: || web::to(head),
        access: Access::Admin,
        audit: Audit::Nothing,
        docs,
        summary: "Where the audit log ends, under a MAC: to be kept elsewhere",
    }]
}

fn docs() -> Docs {
    Docs::new("Audit log")
        .asks_database()
        .answers_json::<Heads>(200, "Where each chain ends.")
        .not_stored(200)
}

async fn head(store: Data<Store>, key: Data<AuditKey>, _: Admin) -> Result<HttpResponse, Problem> {
    let heads = Heads::of(&store, &key, SystemClock.now_ms()).await;
    let heads = heads.map_err(|error| of_store(&error))?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(heads))
}
