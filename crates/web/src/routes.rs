//! Route tables: what a surface offers, as data.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpRequest, ResponseError as _, web};
use thiserror::Error;

use crate::audit::audited;
use crate::{Docs, Problem};

mod pattern;

use pattern::Pattern;

/// Who may call a route. Every route says it; a test walks the tables and calls each without the
/// credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Anybody.
    Public,
    /// A named client of the Token Revocation API, with its token.
    RevocationClient,
    /// The holder of an admin token.
    Admin,
    /// Whoever collects metrics, with a token of its own or an admin token.
    Metrics,
    /// A CI job, with the JWT that GitLab gave it.
    Job,
    /// The holder of a token of an upstream issuer, which comes in the body.
    UpstreamToken,
    /// GitHub or GitLab, whose signature over the body is in a header.
    Partner,
    /// Asks who the caller is, and answers 401 where nobody can tell.
    ForwardAuth,
}

/// What is recorded of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audit {
    /// It changes something: an entry of this name.
    Entry(&'static str),
    /// It changes nothing.
    Nothing,
}

/// One method on one path.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method; `HEAD` is a method of its own and not implied by `GET`.
    pub method: Method,
    /// The path as actix writes patterns: `/v1/pats/{id}`.
    pub path: String,
    /// What answers, without a method: `|| web::to(handler)`.
    pub handler: fn() -> actix_web::Route,
    /// Who may call it.
    pub access: Access,
    /// What is recorded of it.
    pub audit: Audit,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What else is to be known of it: parameters, body, answers.
    pub docs: fn() -> Docs,
}

/// Stands before a handler: lets a request pass, with the proof among its extensions, or refuses it.
pub type Guard = fn(&HttpRequest) -> Result<(), Problem>;

/// All routes of a surface.
pub type RouteTable = Vec<Route>;

/// Why tables cannot be mounted together.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RouteError {
    /// Two surfaces claim the same method on the same path.
    #[error("{0} {1} is claimed twice; give one of the surfaces a `mount` of its own")]
    Twice(String, String),
    /// Two paths differ in the names of their parameters alone, so that one would hide the other.
    #[error("{0} and {1} match the same paths")]
    Hidden(String, String),
    /// Not a path as actix writes patterns.
    #[error("{0} is not a path: {1}")]
    BadPath(String, &'static str),
}

/// Whether these tables can be mounted together.
pub fn check(table: &[Route]) -> Result<(), RouteError> {
    let mut seen = BTreeSet::new();
    let mut paths = BTreeMap::new();
    for route in table {
        let pattern = Pattern::parse(&route.path)
            .map_err(|reason| RouteError::BadPath(route.path.clone(), reason))?;
        let known: &mut &str = paths.entry(pattern).or_insert(&route.path);
        if *known != route.path {
            return Err(RouteError::Hidden((*known).to_owned(), route.path.clone()));
        }
        let (method, path) = (route.method.to_string(), route.path.clone());
        if !seen.insert((method.clone(), path.clone())) {
            return Err(RouteError::Twice(method, path));
        }
    }
    Ok(())
}

/// Mounts the routes: one resource per path, 405 with `Allow` for its other methods, 404 for every
/// other path. `guard` gives what stands before all routes of an access; of those without one, each
/// handler proves its callers by itself.
pub fn mount(table: &[Route], guard: fn(Access) -> Option<Guard>, config: &mut web::ServiceConfig) {
    for (place, (path, mut routes)) in by_path(table).into_iter().enumerate() {
        // Actix takes the first route that fits: the one for any method takes what others leave.
        routes.sort_by_key(|route| route.method == Route::any_method());
        let allow = allow(&routes);
        let mut resource = web::resource(path).app_data(Place(place));
        for route in routes {
            // Outermost: what the guard refuses is recorded as well.
            let handler = audited(route, guarded((route.handler)(), guard(route.access)));
            resource = resource.route(if route.method == Route::any_method() {
                handler
            } else {
                handler.method(route.method.clone())
            });
        }
        config.service(resource.default_service(web::to(move || {
            let response = Problem::method_not_allowed(&allow).error_response();
            async move { response }
        })));
    }
    config.default_service(web::to(|| async { Problem::not_found().error_response() }));
}

/// Which of the mounted paths a request was for: its place in [`places`] of the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) usize);

/// The paths of a table, each once, in the order in which [`mount`] mounts them.
pub fn places(table: &[Route]) -> Vec<&str> {
    by_path(table).into_iter().map(|(path, _)| path).collect()
}

fn by_path(table: &[Route]) -> Vec<(&str, Vec<&Route>)> {
    let mut by_path: BTreeMap<(bool, &str), Vec<&Route>> = BTreeMap::new();
    for route in table {
        // Actix takes the first pattern that matches: open tails come last.
        by_path.entry((route.path.contains(":.*"), &route.path)).or_default().push(route);
    }
    by_path.into_iter().map(|((_, path), routes)| (path, routes)).collect()
}

impl Route {
    /// The method of a route that takes them all: a name that no client sends.
    pub fn any_method() -> Method {
        Method::from_bytes(b"ANY").unwrap_or_default()
    }
}

/// The guard comes before anything of the request is read, and after it is known that the path takes the
/// method.
fn guarded(handler: actix_web::Route, guard: Option<Guard>) -> actix_web::Route {
    let Some(guard) = guard else { return handler };
    handler.wrap(from_fn(move |request: ServiceRequest, next: Next<_>| async move {
        match guard(request.request()) {
            Ok(()) => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
            Err(problem) => Ok(request.into_response(problem.error_response())),
        }
    }))
}

fn allow(routes: &[&Route]) -> String {
    let mut methods: Vec<&str> = routes.iter().map(|r| r.method.as_str()).collect();
    methods.sort_unstable();
    methods.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, HttpResponse};

    fn route(method: Method, path: &str, handler: fn() -> actix_web::Route) -> Route {
        Route {
            method,
            path: path.to_owned(),
            handler,
            access: Access::Public,
            audit: Audit::Nothing,
            summary: "",
            docs: || Docs::new(""),
        }
    }

    fn open(_: Access) -> Option<Guard> {
        None
    }

    fn table() -> RouteTable {
        vec![
            route(Route::any_method(), "/auth/{tail:.*}", || {
                web::to(|| async { HttpResponse::Ok().body("tail") })
            }),
            route(Method::GET, "/token", || web::to(|| async { HttpResponse::Ok().body("got") })),
            route(Method::POST, "/token", || web::to(|| async { HttpResponse::Ok().body("put") })),
            route(Method::GET, "/auth/exact", || {
                web::to(|| async { HttpResponse::Ok().body("exact") })
            }),
        ]
    }

    async fn ask(method: Method, path: &str) -> (u16, Option<String>, String) {
        let app = init_service(App::new().configure(|config| mount(&table(), open, config))).await;
        let request = TestRequest::with_uri(path).method(method).to_request();
        let response = call_service(&app, request).await;
        let status = response.status().as_u16();
        let allow = response.headers().get("allow").map(|v| v.to_str().unwrap().to_owned());
        let body = String::from_utf8_lossy(&read_body(response).await).into_owned();
        (status, allow, body)
    }

    #[actix_web::test]
    async fn two_surfaces_share_a_path() {
        assert_eq!(ask(Method::GET, "/token").await, (200, None, "got".into()));
        assert_eq!(ask(Method::POST, "/token").await, (200, None, "put".into()));
        for method in [Method::DELETE, Method::HEAD, Method::PATCH] {
            let (status, allow, _) = ask(method, "/token").await;
            assert_eq!((status, allow.as_deref()), (405, Some("GET, POST")));
        }
        let (status, _, body) = ask(Method::GET, "/nothing").await;
        assert_eq!(status, 404);
        assert!(body.contains(r#""code":"not_found""#), "{body}");
    }

    #[actix_web::test]
    async fn open_tails_come_last_and_take_every_method() {
        assert_eq!(ask(Method::GET, "/auth/exact").await.2, "exact");
        for method in [Method::GET, Method::POST, Method::from_bytes(b"BREW").unwrap()] {
            assert_eq!(ask(method, "/auth/any/where").await.2, "tail");
        }
    }

    #[actix_web::test]
    async fn a_route_for_any_method_takes_what_the_others_leave() {
        let table = vec![
            route(Route::any_method(), "/x", || web::to(|| async { "any" })),
            route(Method::GET, "/x", || web::to(|| async { "get" })),
        ];
        let app = init_service(App::new().configure(|config| mount(&table, open, config))).await;
        for (method, expected) in [(Method::GET, "get"), (Method::HEAD, "any")] {
            let request = TestRequest::with_uri("/x").method(method).to_request();
            assert_eq!(read_body(call_service(&app, request).await).await, expected);
        }
    }

    #[test]
    fn a_path_that_hides_another_or_is_none_is_an_error_at_start() {
        let hidden =
            ["/x/{id}", "/x/{name}"].map(|p| route(Method::GET, p, || web::to(|| async { "" })));
        let error = RouteError::Hidden("/x/{id}".into(), "/x/{name}".into());
        assert_eq!(check(&hidden), Err(error));
        let apart = ["/x/{id}", "/x/{id}/y", "/x/{id:[0-9]{3}}", "/x/{tail:.*}", "/x/y", "/"];
        assert_eq!(
            check(&apart.map(|p| route(Method::GET, p, || web::to(|| async { "" })))),
            Ok(())
        );
        for path in ["", "x", "/{", "/}", "/a{b", "/{}", "/{a b}", "/a b", "/{tail}*", "/\u{e4}"] {
            let bad = [route(Method::GET, path, || web::to(|| async { "" }))];
            assert!(matches!(check(&bad), Err(RouteError::BadPath(..))), "{path}");
        }
    }

    #[actix_web::test]
    async fn a_guard_stands_before_every_route_of_its_access_and_no_other() {
        fn guard(access: Access) -> Option<Guard> {
            let refuse: Guard = |_| Err(Problem::unauthorized(&[]));
            (access == Access::Admin).then_some(refuse)
        }
        // Neither the handler nor what it wants of the request is reached.
        let handler = || web::to(|_: web::Query<BTreeMap<String, u8>>| async { "inside" });
        let mut table =
            vec![route(Method::GET, "/open", handler), route(Method::GET, "/x", handler)];
        table[1].access = Access::Admin;
        let app = init_service(App::new().configure(|config| mount(&table, guard, config))).await;
        for (path, status) in
            [("/open?a=1", 200), ("/open?a=b", 400), ("/x?a=1", 401), ("/x?a=b", 401)]
        {
            let response = call_service(&app, TestRequest::with_uri(path).to_request()).await;
            assert_eq!(response.status(), status, "{path}");
        }
        let post = TestRequest::post().uri("/x").to_request();
        assert_eq!(call_service(&app, post).await.status(), 405, "the method is told first");
    }

    #[test]
    fn the_same_route_twice_is_an_error_at_start() {
        assert_eq!(check(&table()), Ok(()));
        let mut twice = table();
        twice.push(table().remove(1));
        assert_eq!(check(&twice), Err(RouteError::Twice("GET".into(), "/token".into())));
    }
}
