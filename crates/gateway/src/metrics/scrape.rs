//! Reading what the parts count by themselves.

use actix_web::HttpRequest;
use actix_web::web::Data;
use portcullis_impersonation::Broker;
use portcullis_jwt_verify::Stats;
use portcullis_jwt_verify::sources::Health;
use portcullis_oidc_proxy::OidcProxy;
use portcullis_oidc_proxy::keyfile::KeyFile;
use portcullis_oidc_proxy::resign::ReSigner;
use portcullis_store::Store;
use time::OffsetDateTime;

use super::list;
use super::page::Page;
use super::waiting::number;
use crate::audit::Watch;
use crate::auth::Chain;
use crate::compose::Jobs;
use crate::pats::Pats;

const DAY_S: f64 = 86400.0;

/// What a listener's parts count.
pub(super) fn parts(request: &HttpRequest, now: OffsetDateTime, page: &mut Page) {
    if let Some(chain) = request.app_data::<Data<Chain>>() {
        auth(chain, now, page);
    }
    if let Some(pats) = request.app_data::<Data<Pats>>() {
        own_tokens(pats, page);
    }
    if let Some(jobs) = request.app_data::<Data<Jobs>>() {
        let (issuer, health) = jobs.keys();
        issuer_keys(page, "reporting_jobs", issuer, &health, now);
        tokens(page, "reporting_jobs", issuer, &jobs.tokens());
    }
    if let Some(broker) = request.app_data::<Data<Broker>>() {
        lent(broker, now, page);
    }
    if let Some(proxy) = request.app_data::<Data<OidcProxy>>() {
        resigned(proxy.resigner(), now, page);
    }
    if let Some(log) = request.app_data::<Data<Watch>>() {
        audit(log, page);
    }
    if let Some(file) = request.app_data::<Data<KeyFile>>() {
        page.set(list::SIGNING_FILE_FAULT, [], truth(file.fault().is_some()));
    }
}

fn audit(log: &Watch, page: &mut Page) {
    let log = log.standing();
    page.count(list::AUDIT_WRITTEN, [], number(log.written));
    page.set(list::AUDIT_WAITING, [], number(log.waiting));
    page.set(list::AUDIT_STUCK, [], truth(log.stuck));
    page.count(list::AUDIT_FAILURES, [], number(log.failures));
    page.count(list::AUDIT_TURNED_AWAY, [], number(log.turned_away));
}

fn auth(chain: &Chain, now: OffsetDateTime, page: &mut Page) {
    for (method, outcome, count) in chain.counts() {
        page.count(list::AUTH, [method, outcome], number(count));
    }
    for (issuer, health) in chain.keys() {
        issuer_keys(page, "auth", issuer, &health, now);
    }
    for (issuer, stats) in chain.tokens() {
        tokens(page, "auth", issuer, &stats);
    }
}

fn own_tokens(pats: &Pats, page: &mut Page) {
    let stats = pats.stats();
    for (outcome, count) in stats.outcomes {
        page.count(list::PATS, [outcome], number(count));
    }
    page.count(list::PAT_CACHE, ["hit"], number(stats.hits));
    page.count(list::PAT_CACHE, ["miss"], number(stats.misses));
}

fn tokens(page: &mut Page, used: &str, issuer: &str, stats: &Stats) {
    page.count(list::TOKENS, [used, issuer, "verified"], number(stats.verified));
    for (code, count) in stats.refused.into_iter().filter(|(_, count)| *count > 0) {
        page.count(list::TOKENS, [used, issuer, code], number(count));
    }
    page.count(list::TOKEN_CACHE, [used, issuer, "hit"], number(stats.remembered));
    page.count(list::TOKEN_CACHE, [used, issuer, "miss"], number(stats.not_remembered));
}

fn issuer_keys(page: &mut Page, used: &str, issuer: &str, health: &Health, now: OffsetDateTime) {
    page.set(list::ISSUER_KEYS, [used, issuer], number(health.keys as u64));
    if let Some(at) = health.fetched_at {
        let age = (now - at).as_seconds_f64().max(0.0);
        page.set(list::ISSUER_KEYS_AGE, [used, issuer], age);
    }
    page.set(list::ISSUER_KEYS_STALE, [used, issuer], truth(health.stale));
    page.count(list::ISSUER_KEY_FETCHES, [used, issuer, "ok"], number(health.fetched));
    page.count(list::ISSUER_KEY_FETCHES, [used, issuer, "failed"], number(health.failed));
}

fn lent(broker: &Broker, now: OffsetDateTime, page: &mut Page) {
    let issuers = broker.issuers().join(" ");
    issuer_keys(page, "impersonation", &issuers, &broker.keys(), now);
    tokens(page, "impersonation", &issuers, &broker.tokens());
    let stats = broker.stats();
    for (outcome, count) in [
        ("issued", stats.issued),
        ("refused", stats.refused),
        ("given_back", stats.given_back),
        ("orphan_revoked", stats.orphans_revoked),
    ] {
        page.count(list::LENT, [outcome], number(count));
    }
    page.count(list::SWEPT, ["ok"], number(stats.users_swept));
    page.count(list::SWEPT, ["failed"], number(stats.sweep_failures));
    page.set(list::ADMIN_TOKEN_LOST, [], truth(broker.credential().is_lost()));
    if let Some(days) = broker.credential_days_left().and_then(|days| i32::try_from(days).ok()) {
        page.set(list::ADMIN_TOKEN_LEFT, [], f64::from(days) * DAY_S);
    }
}

fn resigned(resigner: &ReSigner, now: OffsetDateTime, page: &mut Page) {
    for (issuer, health) in resigner.health() {
        issuer_keys(page, "oidc_proxy", issuer, &health, now);
    }
    for (issuer, stats) in resigner.tokens() {
        tokens(page, "oidc_proxy", issuer, &stats);
    }
    let stats = resigner.stats();
    page.count(list::RESIGNED, ["issued"], number(stats.issued));
    for (code, count) in stats.refused.into_iter().filter(|(_, count)| *count > 0) {
        page.count(list::RESIGNED, [code], number(count));
    }
    own_keys(resigner, now.unix_timestamp(), page);
}

fn own_keys(resigner: &ReSigner, now: i64, page: &mut Page) {
    let signing = resigner.signs_now();
    for key in resigner.keyring().keys().describe() {
        let (Some(algorithm), Some(kid)) = (key.algorithm, key.id) else { continue };
        let labels = [algorithm.name(), kid.as_str()];
        let signs = signing.iter().any(|(by, name)| *by == algorithm && *name == kid);
        let seconds = |span: i64| i32::try_from(span).map_or(f64::from(i32::MAX), f64::from);
        if let Some(made) = key.times.made_at.filter(|_| signs) {
            page.set(list::SIGNING_KEY_AGE, labels, seconds(now.saturating_sub(made)));
        }
        if let Some(from) = key.times.signs_from.filter(|from| key.signs && *from > now) {
            page.set(list::SIGNING_KEY_NEXT, labels, seconds(from.saturating_sub(now)));
        }
    }
}

/// What is known of the database without asking it.
pub(super) fn database(store: &Store, page: &mut Page) {
    for (code, count) in portcullis_store::errors() {
        page.count(list::DATABASE_ERRORS, [code], number(count));
    }
    for pool in store.pools() {
        let used = pool.open.saturating_sub(pool.idle);
        page.set(list::CONNECTIONS, [pool.name, "idle"], f64::from(pool.idle));
        page.set(list::CONNECTIONS, [pool.name, "used"], f64::from(used));
        page.set(list::CONNECTIONS_MAX, [pool.name], f64::from(pool.max));
    }
}

/// Which program this is, and since when it runs.
pub(super) fn build(started: OffsetDateTime, page: &mut Page) {
    let commit = option_env!("PORTCULLIS_COMMIT").unwrap_or_default();
    page.set(list::BUILD, [env!("CARGO_PKG_VERSION"), commit], 1.0);
    let seconds = u64::try_from(started.unix_timestamp()).unwrap_or_default();
    page.set(list::START, [], number(seconds));
}

fn truth(it_is: bool) -> f64 {
    if it_is { 1.0 } else { 0.0 }
}
