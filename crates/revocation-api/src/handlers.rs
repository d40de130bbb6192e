//! The two endpoints.

use actix_web::http::Method;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt as _;
use portcullis_web::{Access, Audit, Problem, Route, RouteTable, announced_length};
use serde_json::json;

use crate::batch::Batch;
use crate::clients::{Client, authenticate};
use crate::splitter::ArraySplitter;
use crate::{RevocationApi, judge};

/// How long a client is told to wait while the queue is too deep.
const QUEUE_PAUSE: std::time::Duration = std::time::Duration::from_secs(30);

/// The routes, below `mount` (`/` or a path).
pub fn routes(mount: &str) -> RouteTable {
    let mount = mount.trim_end_matches('/');
    vec![
        Route {
            method: Method::GET,
            path: format!("{mount}/v1/revocable_token_types"),
            handler: || web::to(types),
            access: Access::RevocationClient,
            audit: Audit::Nothing,
            summary: "The types of token that this client may report",
        },
        Route {
            method: Method::POST,
            path: format!("{mount}/v1/revoke_tokens"),
            handler: || web::to(revoke),
            access: Access::RevocationClient,
            audit: Audit::Entry("revocation.report"),
            summary: "Report leaked tokens, each to be revoked at its provider",
        },
    ]
}

async fn types(request: HttpRequest, api: Data<RevocationApi>) -> Result<HttpResponse, Problem> {
    let client = authenticate(&api, &request)?;
    let types: Vec<&String> =
        api.intake.types().iter().filter(|name| client.may_report(name)).collect();
    Ok(HttpResponse::Ok().json(json!({ "types": types })))
}

async fn revoke(
    request: HttpRequest,
    api: Data<RevocationApi>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let client = authenticate(&api, &request)?;
    if announced_length(&request).is_some_and(|length| length > api.max_body) {
        return Err(Problem::too_large(api.max_body));
    }
    refuse_while_too_deep(&api).await?;
    take_in(&api, client, payload).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn refuse_while_too_deep(api: &RevocationApi) -> Result<(), Problem> {
    let waiting = api.intake.waiting().await.map_err(|error| {
        tracing::error!(error = %error, "the queue could not be counted");
        if error.is_unavailable() { Problem::unavailable() } else { Problem::internal() }
    })?;
    if waiting > api.max_waiting {
        return Err(Problem::too_many_requests("queue_full", QUEUE_PAUSE));
    }
    Ok(())
}

/// Reads the body and commits as it goes. Whatever breaks it later, the items before are taken: any
/// of them may be a live secret.
async fn take_in(
    api: &RevocationApi,
    client: &Client,
    mut payload: Payload,
) -> Result<(), Problem> {
    let mut splitter = ArraySplitter::default();
    let mut batch = Batch::new(api, client);
    let mut length = 0;
    while let Some(chunk) = payload.next().await {
        let Ok(chunk) = chunk else {
            batch.commit().await?;
            return batch.outcome(Some("the body broke off"));
        };
        length += chunk.len() as u64;
        if length > api.max_body {
            batch.commit().await?;
            return Err(batch.describe(Problem::too_large(api.max_body)));
        }
        let fed = splitter.feed(&chunk, |element| batch.add(judge(element)));
        if let Err(broken) = fed {
            batch.commit().await?;
            return batch.outcome(Some(&broken.to_string()));
        }
        if batch.is_full() {
            batch.commit().await?;
        }
    }
    batch.commit().await?;
    batch.outcome(splitter.finish().err().map(|broken| broken.to_string()).as_deref())
}
