//! Whether the gateway lives, and whether it can work.

mod docs;

use actix_web::http::Method;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, http::header::ContentType};
use portcullis_impersonation::{Broker, CredentialHealth};
use portcullis_jwt_verify::sources::Health;
use portcullis_oidc_proxy::OidcProxy;
use portcullis_oidc_proxy::keyfile::KeyFile;
use portcullis_store::Store;
use portcullis_web::{Access, Audit, Problem, Route, RouteTable};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::auth::Chain;
use crate::compose::Jobs;
use crate::problems::of_store;
use crate::serve::Certificates;
use crate::serve::drain::Drain;
use crate::tls::Standing;

/// The routes of the public listener.
pub(crate) fn routes() -> RouteTable {
    table(|| web::to(ready))
}

/// The same for operators, who are told more.
pub(crate) fn admin_routes() -> RouteTable {
    table(|| web::to(ready_in_detail))
}

fn table(ready: fn() -> actix_web::Route) -> RouteTable {
    let route = |method, path: &str, handler, summary, docs| Route {
        method,
        path: path.to_owned(),
        handler,
        access: Access::Public,
        audit: Audit::Nothing,
        summary,
        docs,
    };
    vec![
        route(
            Method::GET,
            "/health",
            || web::to(health),
            "Whether the process lives",
            docs::health,
        ),
        route(
            Method::HEAD,
            "/health",
            || web::to(health),
            "Whether the process lives",
            docs::health,
        ),
        route(Method::GET, "/ready", ready, "Whether requests should come here", docs::ready),
        route(Method::HEAD, "/ready", ready, "Whether requests should come here", docs::ready),
    ]
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body("Healthy")
}

/// Our own keys were opened at the start, or there would be no process; the database may go at any
/// time. An issuer that is away changes nothing here: its callers alone would gain from another
/// replica, which has the same issuer, and everybody else would lose this one.
///
/// Nor does a broker whose GitLab takes its token no more: no replica's broker could do better, and
/// PATs, `/auth` and the revocation of leaks work on behind a load balancer that asks here. It is said
/// as `degraded`, for those who watch.
async fn ready(
    drain: Data<Drain>,
    store: Data<Store>,
    broker: Option<Data<Broker>>,
) -> Result<HttpResponse, Problem> {
    drain.check()?;
    store.ping().await.map_err(|error| of_store(&error))?;
    let known = broker.as_ref().map(|broker| broker.credential());
    Ok(HttpResponse::Ok().json(told(known.as_ref())))
}

/// What the world is told.
fn told(admin_token: Option<&CredentialHealth>) -> Value {
    if admin_token.is_some_and(CredentialHealth::is_lost) {
        json!({ "ready": true, "degraded": ["impersonation"] })
    } else {
        json!({ "ready": true })
    }
}

/// With the keys of each issuer, whose names are not for the world.
async fn ready_in_detail(
    request: HttpRequest,
    drain: Data<Drain>,
    store: Data<Store>,
    chain: Data<Chain>,
    certificates: Data<Certificates>,
    broker: Option<Data<Broker>>,
) -> Result<HttpResponse, Problem> {
    drain.check()?;
    store.ping().await.map_err(|error| of_store(&error))?;
    // Looked at once: `degraded` and `admin_token` tell of the same moment.
    let broker = broker.as_ref().map(|broker| (broker, broker.credential()));
    let mut body = told(broker.as_ref().map(|(_, known)| known));
    let resigner: Option<&Data<OidcProxy>> = request.app_data();
    let upstreams = resigner.map(|resigner| resigner.resigner().health()).unwrap_or_default();
    let jobs = request.app_data::<Data<Jobs>>().map(|jobs| jobs.keys());
    let issuers = chain.keys().into_iter().chain(upstreams).chain(jobs);
    let mut issuers: Vec<Value> = issuers.map(|(name, keys)| shown(name, &keys)).collect();
    if let Some((broker, known)) = broker {
        let keys = shown(&broker.issuers().join(" "), &broker.keys());
        issuers.push(keys.clone());
        body["impersonation"] = json!({
            "gitlab": broker.gitlab(),
            "admin_token": admin_token(broker, &known),
            "keys": keys,
        });
    }
    body["issuers"] = issuers.into();
    body["tls"] = certificates.standing().iter().map(certificate).collect();
    if let (Some(resigner), Some(file)) = (resigner, request.app_data::<Data<KeyFile>>()) {
        body["signing_keys"] = own_keys(resigner, file);
    }
    Ok(HttpResponse::Ok().json(body))
}

/// What signs, and whether the file that it came from can still be read.
fn own_keys(resigner: &OidcProxy, file: &KeyFile) -> Value {
    let resigner = resigner.resigner();
    let signing: Map<String, Value> = resigner
        .signs_now()
        .into_iter()
        .map(|(algorithm, kid)| (algorithm.name().to_owned(), kid.into()))
        .collect();
    json!({
        "file": file.path().display().to_string(),
        "sign": signing,
        "fault": file.fault().map(|fault| fault.to_string()),
    })
}

fn certificate(standing: &Standing) -> Value {
    json!({
        "listener": standing.listener,
        "not_after": standing.not_after.format(&Rfc3339).ok(),
        "days_left": standing.days_left,
        "fault": standing.fault,
    })
}

fn admin_token(broker: &Broker, known: &CredentialHealth) -> Value {
    json!({
        "state": known.standing.as_str(),
        "administrator": known.administrator,
        "missing_scopes": known.missing_scopes,
        "expires_on": known.expires_on.map(|day| day.to_string()),
        "days_left": broker.credential_days_left(),
        "checked_at": known.checked_at.and_then(|at| at.format(&Rfc3339).ok()),
        "problem": known.problem,
    })
}

fn shown(issuer: &str, health: &Health) -> Value {
    let rfc3339 = |at: &OffsetDateTime| at.format(&Rfc3339).ok();
    json!({
        "issuer": issuer,
        "keys": health.keys,
        "fetched_at": health.fetched_at.as_ref().and_then(rfc3339),
        "skipped": health.skipped.iter().map(|(kid, why)| json!({ "kid": kid, "why": why })).collect::<Vec<_>>(),
        "last_error": health.last_error.as_ref().map(|(at, error)| {
            json!({ "at": rfc3339(at), "error": error.to_string() })
        }),
    })
}
