//! The tables of all surfaces, put together.

use portcullis_web::RouteTable;

use crate::config::Config;
use crate::{audit, auth, compose, health, metrics, openapi, pats, revocations};

/// Everything on the public listener.
pub fn public_routes(config: &Config) -> RouteTable {
    let mut table = health::routes();
    table.extend(openapi::routes());
    table.extend(pats::routes());
    table.extend(auth::routes());
    let mount = &config.revocation_api.mount;
    table.extend(portcullis_revocation_api::routes(mount));
    table.extend(portcullis_revocation_api::partners::routes(mount, &config.partners.programmes()));
    if compose::partners(config).next().is_some() {
        table.extend(portcullis_revocation_api::public_key_routes(mount));
    }
    if let Some(section) = &config.impersonation {
        table.extend(portcullis_impersonation::routes(&section.mount));
    }
    if let Some(section) = &config.oidc_proxy {
        table.extend(portcullis_oidc_proxy::routes(&section.mount));
    }
    table
}

/// Everything on the operators' listener.
pub fn admin_routes() -> RouteTable {
    let mut table = health::admin_routes();
    table.extend(metrics::routes());
    table.extend(openapi::operators_routes());
    table.extend(revocations::routes());
    table.extend(audit::routes());
    table
}
