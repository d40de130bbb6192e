//! The two endpoints.

use actix_web::http::Method;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_revocation::intake::Intake;
use portcullis_web::{
    Access, Account, Audit, Chunks, Problem, Quiet, Route, RouteTable, announced_length, note,
};

use crate::batch::Batch;
use crate::clients::{Client, authenticate};
use crate::large::Place;
use crate::splitter::{ArraySplitter, Broken};
use crate::{RevocationApi, docs, judge};

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
            docs: docs::types,
        },
        Route {
            method: Method::POST,
            path: format!("{mount}/v1/revoke_tokens"),
            handler: || web::to(revoke),
            access: Access::RevocationClient,
            audit: Audit::Entry("revocation.report"),
            summary: "Report leaked tokens, each to be revoked at its provider",
            docs: docs::revoke,
        },
    ]
}

async fn types(request: HttpRequest, api: Data<RevocationApi>) -> Result<HttpResponse, Problem> {
    let client = authenticate(&api, &request).await?;
    let offered = api.intake.types().iter().map(String::as_str);
    let types = offered.filter(|name| client.may_report(name)).collect();
    Ok(HttpResponse::Ok().json(docs::Types { types }))
}

async fn revoke(
    request: HttpRequest,
    api: Data<RevocationApi>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let client = authenticate(&api, &request).await?;
    if announced_length(&request).is_some_and(|length| length > api.max_body) {
        return Err(Problem::too_large(api.max_body));
    }
    refuse_while_too_deep(&api.intake, api.max_waiting).await?;
    let mut place = Place::default();
    api.large.enter(&mut place, announced_length(&request).unwrap_or_default())?;
    let chunks = Chunks::of(&request, payload);
    take_in(&api, &client, &note(&request), chunks, place).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Callers wait while more than `max_waiting` secrets do.
pub(crate) async fn refuse_while_too_deep(
    intake: &Intake,
    max_waiting: u64,
) -> Result<(), Problem> {
    let waiting = intake.waiting().await.map_err(|error| {
        /// Every report would say so while the database is away.
        static AWAY: Quiet = Quiet::new();
        if let Some(kept_back) = AWAY.pass() {
            tracing::error!(error = %error, log.kept_back = kept_back, "the queue could not be counted");
        }
        if error.is_unavailable() { Problem::unavailable() } else { Problem::internal() }
    })?;
    if waiting > max_waiting {
        return Err(Problem::too_many_requests("queue_full", QUEUE_PAUSE));
    }
    Ok(())
}

/// Whatever is wrong with the body, the items before it are taken: any of them may be a live secret.
async fn take_in(
    api: &RevocationApi,
    client: &Client,
    account: &Account,
    mut chunks: Chunks,
    mut place: Place,
) -> Result<(), Problem> {
    let mut batch = Batch::new(api, client, account);
    let broken = read_into(&mut batch, api, &mut chunks, &mut place).await?;
    let turn = api.large.turn(&place).await;
    batch.commit().await?;
    drop(turn);
    batch.outcome(broken)
}

/// Reads the body and commits as it goes. Gives what is wrong with the body as a whole; fails where
/// a commit does.
async fn read_into(
    batch: &mut Batch<'_>,
    api: &RevocationApi,
    chunks: &mut Chunks,
    place: &mut Place,
) -> Result<Option<Problem>, Problem> {
    let mut splitter = ArraySplitter::default();
    let mut length = 0;
    loop {
        let chunk = match chunks.next().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(splitter.finish().err().map(invalid)),
            Err(problem) => return Ok(Some(problem)),
        };
        length += chunk.len() as u64;
        if length > api.max_body {
            return Ok(Some(Problem::too_large(api.max_body)));
        }
        // One that announced no length.
        if let Err(later) = api.large.enter(place, length) {
            return Ok(Some(later));
        }
        if let Err(broken) = splitter.feed(&chunk, |element| batch.add(judge(element))) {
            return Ok(Some(invalid(broken)));
        }
        if batch.is_full() {
            let _turn = api.large.turn(place).await;
            batch.commit().await?;
        }
    }
}

pub(crate) fn invalid(broken: Broken) -> Problem {
    Problem::bad_request("invalid_body", broken.to_string())
}
