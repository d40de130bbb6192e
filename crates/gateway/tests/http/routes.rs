//! Every route, walked: who may call it, what else its path takes.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_gateway::serve::{admin_routes, public_routes};
use portcullis_web::{Access, Audit, Route, RouteTable};
use reqwest::{Method, RequestBuilder};

use crate::support::broker::gitlab;
use crate::support::everything::{NOWHERE, everything};
use crate::support::{Database, REPORTING, TestGateway, send};

/// Reviewed by hand: a route that appears, goes or changes hands is written down here.
const PUBLIC: &str = "\
ANY /auth ForwardAuth Nothing
ANY /auth/{tail:.*} ForwardAuth Nothing
DELETE /token Job Entry(\"impersonation.end\")
DELETE /v1/pats/{id} Admin Entry(\"pat.revoke\")
GET /health Public Nothing
GET /openapi.json Public Nothing
GET /ready Public Nothing
GET /token Job Entry(\"impersonation.issue\")
GET /v1/pats Admin Nothing
GET /v1/pats/{id} Admin Nothing
GET /v1/public_keys Public Nothing
GET /v1/revocable_token_types RevocationClient Nothing
HEAD /health Public Nothing
HEAD /openapi.json Public Nothing
HEAD /ready Public Nothing
HEAD /v1/public_keys Public Nothing
PATCH /v1/pats/{id} Admin Entry(\"pat.change\")
POST /v1/partners/github Partner Entry(\"revocation.report\")
POST /v1/partners/gitlab Partner Entry(\"revocation.report\")
POST /v1/pats Admin Entry(\"pat.create\")
POST /v1/pats/{id}/regenerate Admin Entry(\"pat.regenerate\")
POST /v1/revoke_tokens RevocationClient Entry(\"revocation.report\")";

const RESIGNER: &str = "\
GET /.well-known/jwks.json Public Nothing
GET /.well-known/openid-configuration Public Nothing
HEAD /.well-known/jwks.json Public Nothing
HEAD /.well-known/openid-configuration Public Nothing
POST /token UpstreamToken Entry(\"oidc_proxy.issue\")";

const ADMIN: &str = "\
GET /health Public Nothing
GET /metrics Metrics Nothing
GET /openapi.json Public Nothing
GET /ready Public Nothing
GET /v1/audit/head Admin Nothing
GET /v1/revocations Admin Nothing
GET /v1/revocations/{fingerprint} Admin Nothing
HEAD /health Public Nothing
HEAD /openapi.json Public Nothing
HEAD /ready Public Nothing
POST /v1/revocations Admin Entry(\"revocation.report\")
POST /v1/revocations/{fingerprint}/approve Admin Entry(\"revocation.approve\")
POST /v1/revocations/{fingerprint}/cancel Admin Entry(\"revocation.cancel\")
POST /v1/revocations/{fingerprint}/retry Admin Entry(\"revocation.retry\")";

fn listed(table: &[Route]) -> String {
    let line = |r: &Route| format!("{} {} {:?} {:?}", r.method, r.path, r.access, r.audit);
    let mut lines: Vec<String> = table.iter().map(line).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The routes of both listeners, each with a way to call it.
type Call = fn(&TestGateway, Method, &str) -> RequestBuilder;

fn tables(database: &Database, rest: &str) -> [(RouteTable, Call); 2] {
    let public = public_routes(&database.load(rest).config);
    [(public, TestGateway::request), (admin_routes(), TestGateway::admin_request)]
}

fn method(route: &Route) -> Method {
    let name = route.method.as_str();
    Method::from_bytes(if name == "ANY" { b"GET" } else { name.as_bytes() }).unwrap()
}

fn path(pattern: &str) -> String {
    pattern
        .replace("{id}", "01a2b3c4-d5e6-7f80-9a1b-2c3d4e5f6071")
        .replace("{fingerprint}", &"ab".repeat(32))
        .replace("{tail:.*}", "any/tail")
}

#[tokio::test]
async fn these_are_all_the_routes() {
    let (database, gitlab) = (Database::sqlite().await, gitlab());
    let [(public, _), (admin, _)] =
        tables(&database, &everything(&gitlab, database.folder(), "", NOWHERE));
    let mut expected: Vec<&str> = PUBLIC.lines().chain(RESIGNER.lines()).collect();
    expected.sort_unstable();
    assert_eq!(listed(&public), expected.join("\n"));
    assert_eq!(listed(&admin), ADMIN);
    assert_eq!(listed(&portcullis_oidc_proxy::routes("/")), RESIGNER);
    let below = portcullis_oidc_proxy::routes("/a/b");
    assert!(below.iter().all(|route| route.path.starts_with("/a/b/")));
    let [(mut without, _), _] = tables(&database, "");
    without.retain(|route| [Access::Job, Access::Partner].contains(&route.access));
    assert_eq!(listed(&without), "", "broker and partners are there where they are configured");
}

/// What may change something is recorded, and not open to anybody.
#[tokio::test]
async fn whatever_changes_something_has_a_caller_and_an_entry() {
    let (database, gitlab) = (Database::sqlite().await, gitlab());
    for (table, _) in tables(&database, &everything(&gitlab, database.folder(), "", NOWHERE)) {
        for route in table {
            let reads = ["GET", "HEAD", "ANY"].contains(&route.method.as_str());
            assert!(reads || route.access != Access::Public, "{} {}", route.method, route.path);
            assert!(reads || route.audit != Audit::Nothing, "{} {}", route.method, route.path);
        }
    }
}

/// With nothing, and with a credential that is good elsewhere.
pub(crate) async fn nobody_enters_without_the_credential(database: Database) {
    let gitlab = gitlab();
    for credential in [None, Some("other")] {
        let gateway =
            TestGateway::start(&database, &everything(&gitlab, database.folder(), "", NOWHERE))
                .await;
        let pat = gateway.mint().await.token;
        for (table, call) in tables(&database, &everything(&gitlab, database.folder(), "", NOWHERE))
        {
            for route in table {
                let mut request = call(&gateway, method(&route), &path(&route.path));
                if credential.is_some() {
                    request = request.bearer_auth(match route.access {
                        Access::RevocationClient => pat.as_str(),
                        Access::Admin
                        | Access::ForwardAuth
                        | Access::Job
                        | Access::Metrics
                        | Access::Partner
                        | Access::Public
                        | Access::UpstreamToken => REPORTING,
                    });
                }
                let answer = send(request).await;
                let expected = match route.access {
                    Access::Public => 200,
                    // It is the body that is proven, and nothing is to be shown beside it.
                    Access::Partner => 400,
                    Access::UpstreamToken => 415,
                    Access::Admin
                    | Access::ForwardAuth
                    | Access::Job
                    | Access::Metrics
                    | Access::RevocationClient => 401,
                };
                if route.access == Access::Partner {
                    assert_eq!(answer.code(), "missing_header");
                }
                assert_eq!(answer.status, expected, "{} {}", route.method, route.path);
                assert_eq!(answer.headers.contains_key("www-authenticate"), expected == 401);
            }
        }
        gateway.stop().await;
    }
}

pub(crate) async fn other_methods_are_refused_with_those_allowed(database: Database) {
    let gitlab = gitlab();
    let gateway =
        TestGateway::start(&database, &everything(&gitlab, database.folder(), "", NOWHERE)).await;
    for (table, call) in tables(&database, &everything(&gitlab, database.folder(), "", NOWHERE)) {
        let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for route in table {
            paths.entry(path(&route.path)).or_default().insert(route.method.to_string());
        }
        paths.retain(|_, methods| !methods.contains("ANY"));
        for (path, methods) in paths {
            let allowed: Vec<&str> = methods.iter().map(String::as_str).collect();
            for name in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
                if methods.contains(name) {
                    continue;
                }
                let method = Method::from_bytes(name.as_bytes()).unwrap();
                let answer = send(call(&gateway, method, &path)).await;
                let said = (answer.status, answer.code());
                assert_eq!(said, (405, "method_not_allowed".to_owned()), "{name} {path}");
                assert_eq!(answer.header("allow"), Some(allowed.join(", ").as_str()), "{path}");
            }
        }
    }
    gateway.stop().await;
}
