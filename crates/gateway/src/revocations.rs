//! The queue on the operators' listener: look at it, and take a hand in it.

mod docs;
mod intake;
mod shown;

use std::ops::RangeInclusive;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_revocation::identity::short;
use portcullis_revocation::issuance::LENT_PROVIDER;
use portcullis_store::ledger::{Move, Revocation};
use portcullis_store::queue::State;
use portcullis_store::{Fingerprint, Store};
use portcullis_web::{Access, Audit, Problem, Route, RouteTable, note};
use serde::Deserialize;

use crate::admin::Admin;
use crate::problems::of_store;

pub(crate) use intake::{ADMIN_REPORTER, Reports};
use shown::{Listed, Row, Whole};

const PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 1000;
/// As many hex digits of a fingerprint as say which one is meant: the fewest are those of the logs.
const DIGITS: RangeInclusive<usize> = 8..=64;

/// The routes, all for holders of an admin token.
pub(crate) fn routes() -> RouteTable {
    let route = |method, path: &str, handler, audit, summary, docs| Route {
        method,
        path: path.to_owned(),
        handler,
        access: Access::Admin,
        audit,
        summary,
        docs,
    };
    let act = |path, handler, audit, summary, docs| {
        route(Method::POST, path, handler, Audit::Entry(audit), summary, docs)
    };
    vec![
        route(
            Method::GET,
            "/v1/revocations",
            || web::to(list),
            Audit::Nothing,
            "List reported secrets, without the secrets",
            docs::list,
        ),
        act(
            "/v1/revocations",
            || web::to(intake::report),
            "revocation.report",
            "Report leaked tokens, each to be revoked at its provider",
            docs::report,
        ),
        route(
            Method::GET,
            "/v1/revocations/{fingerprint}",
            || web::to(show),
            Audit::Nothing,
            "One reported secret with its sightings and attempts",
            docs::show,
        ),
        act(
            "/v1/revocations/{fingerprint}/approve",
            || web::to(approve),
            "revocation.approve",
            "Let a held secret be revoked",
            docs::act,
        ),
        act(
            "/v1/revocations/{fingerprint}/cancel",
            || web::to(cancel),
            "revocation.cancel",
            "Take a waiting secret out of the queue and erase it",
            docs::act,
        ),
        act(
            "/v1/revocations/{fingerprint}/retry",
            || web::to(retry),
            "revocation.retry",
            "Try a failed secret again",
            docs::act,
        ),
    ]
}

#[derive(Deserialize)]
struct Page {
    state: Option<String>,
    fingerprint: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

async fn list(page: Query<Page>, store: Data<Store>, _: Admin) -> Result<HttpResponse, Problem> {
    let state = page.state.as_deref().map(state).transpose()?;
    let after = page.after.as_deref().map(cursor).transpose()?;
    let limit = page.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    let found = match page.fingerprint.as_deref().map(beginning).transpose()? {
        None => store.revocations(state, after, limit).await,
        Some(range) => {
            let after = after.map(|(_, fingerprint)| fingerprint);
            store.revocations_between(&range, state, after, limit).await
        }
    };
    let found = found.map_err(|error| of_store(&error))?;
    let full = found.len() == limit as usize;
    let next = found.last().filter(|_| full);
    let next = next.map(|last| format!("{}.{}", last.created_at, hex::encode(&last.fingerprint)));
    let revocations = found.iter().map(Row::new).collect();
    Ok(HttpResponse::Ok().json(Listed { revocations, next }))
}

async fn show(
    path: web::Path<String>,
    store: Data<Store>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    let found = store.revocation(&fingerprint(&path)?).await.map_err(|error| of_store(&error))?;
    Ok(HttpResponse::Ok().json(Whole::new(&found.ok_or_else(Problem::not_found)?)))
}

async fn approve(
    request: HttpRequest,
    path: web::Path<String>,
    store: Data<Store>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    act(&request, &path, &store, Move::Approve).await
}

async fn cancel(
    request: HttpRequest,
    path: web::Path<String>,
    store: Data<Store>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    act(&request, &path, &store, Move::Cancel).await
}

async fn retry(
    request: HttpRequest,
    path: web::Path<String>,
    store: Data<Store>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    act(&request, &path, &store, Move::Retry).await
}

async fn act(
    request: &HttpRequest,
    path: &str,
    store: &Store,
    act: Move,
) -> Result<HttpResponse, Problem> {
    let fingerprint = fingerprint(path)?;
    let of = |error| of_store(&error);
    note(request).touched("fingerprint", short(&fingerprint));
    let done = store.operate(&fingerprint, act).await.map_err(of)?;
    if done {
        note(request).changed();
    }
    let found = store.revocation(&fingerprint).await.map_err(of)?.ok_or_else(Problem::not_found)?;
    if !done {
        note(request).touched("state", found.revocation.state.as_str());
        return Err(not_done(found.revocation, act));
    }
    Ok(HttpResponse::Ok().json(Whole::new(&found)))
}

/// Why the row does not allow this.
fn not_done(row: Revocation, act: Move) -> Problem {
    let waits = row.ended_at.is_none();
    let (code, detail) = if act == Move::Cancel && waits && row.provider == LENT_PROVIDER {
        ("lent", "a token that was lent must die when it is due, and cannot be cancelled")
    } else {
        ("wrong_state", "it is not in a state that allows this")
    };
    Problem::new(StatusCode::CONFLICT, code, detail).with("state", row.state)
}

fn state(name: &str) -> Result<State, Problem> {
    State::from_name(name)
        .ok_or_else(|| Problem::bad_request("unknown_state", "there is no state of this name"))
}

/// What `next` of the page before said.
fn cursor(text: &str) -> Result<(i64, Fingerprint), Problem> {
    let bad = || Problem::bad_request("after", "`after` is what `next` of the last page said");
    let (at, rest) = text.split_once('.').ok_or_else(bad)?;
    let fingerprint = fingerprint(rest).map_err(|_| bad())?;
    Ok((at.parse().map_err(|_| bad())?, fingerprint))
}

fn fingerprint(text: &str) -> Result<Fingerprint, Problem> {
    let mut bytes = Fingerprint::default();
    hex::decode_to_slice(text, &mut bytes).map_err(|_| Problem::not_found())?;
    Ok(bytes)
}

/// All fingerprints that begin with these hex digits: those of a log line, or more of them.
fn beginning(digits: &str) -> Result<RangeInclusive<Fingerprint>, Problem> {
    let bad = || Problem::bad_request("fingerprint", "`fingerprint` is 8 to 64 hex digits");
    if !DIGITS.contains(&digits.len()) {
        return Err(bad());
    }
    let filled = |digit: &str| {
        let rest = digit.repeat(DIGITS.end() - digits.len());
        fingerprint(&format!("{digits}{rest}")).map_err(|_| bad())
    };
    Ok(filled("0")?..=filled("f")?)
}
