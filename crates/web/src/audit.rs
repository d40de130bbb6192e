//! The audit log's part of a request: nothing that changed something is answered before it is recorded.

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, ResponseError as _};
use futures_util::future::BoxFuture;

use crate::account::{Account, Noted};
use crate::{Access, Audit, Code, Problem, RequestId, Route, client_address};

/// How a call came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did what it was asked, or a part of it.
    Done,
    /// It was refused.
    Refused,
    /// Something of ours failed; what was changed, if anything, is not known.
    Failed,
    /// The caller left before there was an answer; what was changed is not known.
    Abandoned,
}

impl Outcome {
    /// Stable, for the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A call as it is recorded.
#[derive(Debug, Clone)]
pub struct Call {
    /// The event, of a route that changes something.
    pub event: Option<&'static str>,
    /// The method and the pattern of the path.
    pub route: String,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// What the log calls the request.
    pub request_id: Option<String>,
    /// Who asked, and what was touched.
    pub noted: Noted,
    /// How it came out.
    pub outcome: Outcome,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The stable code of a refusal.
    pub code: Option<&'static str>,
}

/// Keeps the log.
pub trait Recorder: Send + Sync {
    /// A place for an entry, taken before anything is changed; `None` where entries cannot be written now.
    fn reserve(&self) -> Option<Box<dyn Place>>;

    /// A call that was refused or failed. It may be counted together with others like it.
    fn refused(&self, call: Call);
}

/// A place for one entry.
pub trait Place: Send {
    /// Hands the entry over, at once; the future tells whether it is committed, and need not be waited for.
    fn keep(self: Box<Self>, call: Call) -> BoxFuture<'static, bool>;
}

/// What is known of a route beforehand.
#[derive(Clone)]
struct Known {
    event: Option<&'static str>,
    route: String,
}

/// The handler with what is recorded of it. Routes that change nothing and are open to everybody are left alone.
pub(crate) fn audited(route: &Route, handler: actix_web::Route) -> actix_web::Route {
    let event = match route.audit {
        Audit::Entry(event) => Some(event),
        Audit::Nothing => None,
    };
    let privileged = match route.access {
        Access::Admin
        | Access::Metrics
        | Access::RevocationClient
        | Access::Job
        | Access::Partner
        | Access::UpstreamToken => true,
        Access::Public | Access::ForwardAuth => false,
    };
    if event.is_none() && !privileged {
        return handler;
    }
    let known = Known { event, route: format!("{} {}", route.method, route.path) };
    handler.wrap(from_fn(move |request, next| record(known.clone(), request, next)))
}

async fn record(
    known: Known,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(recorder) = request.app_data::<Data<dyn Recorder>>().cloned() else {
        // Whoever mounts a table without a recorder finds out at the first call, not at the first audit.
        return match known.event {
            Some(_) => Ok(request.into_response(Problem::internal().error_response())),
            None => Ok(next.call(request).await?.map_into_boxed_body()),
        };
    };
    let place = known.event.map(|_| recorder.reserve());
    if matches!(place, Some(None)) {
        return Ok(request.into_response(Problem::unavailable().error_response()));
    }
    let mut pending = Pending::new(known, &request, place.flatten());
    let response = next.call(request).await?.map_into_boxed_body();
    let status = response.status();
    let code = response.response().extensions().get::<Code>().map(|code| code.0);
    let (place, mut call) = pending.take();
    (call.status, call.code) = (Some(status.as_u16()), code);
    call.outcome = if status.is_success() || call.noted.changed {
        Outcome::Done
    } else if status.is_server_error() {
        Outcome::Failed
    } else {
        Outcome::Refused
    };
    match place {
        Some(place) if call.outcome == Outcome::Done => {
            let written = place.keep(call).await;
            return Ok(if written {
                response
            } else {
                response.into_response(Problem::unavailable().error_response())
            });
        }
        Some(_) => recorder.refused(call),
        None if matches!(status.as_u16(), 401 | 403 | 429) => recorder.refused(call),
        None => {}
    }
    Ok(response)
}

/// A call under way. One that is dropped half-way, because its caller left, may have changed something.
struct Pending {
    place: Option<Box<dyn Place>>,
    call: Option<Call>,
    account: Account,
}

impl Pending {
    fn new(known: Known, request: &ServiceRequest, place: Option<Box<dyn Place>>) -> Self {
        let account = Account::default();
        request.extensions_mut().insert(account.clone());
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        let call = Call {
            event: known.event,
            route: known.route,
            address: client_address(request.request()),
            request_id,
            noted: Noted::default(),
            outcome: Outcome::Abandoned,
            status: None,
            code: None,
        };
        Self { place, call: Some(call), account }
    }

    fn take(&mut self) -> (Option<Box<dyn Place>>, Call) {
        #[expect(clippy::expect_used, reason = "it is taken once, or dropped")]
        let mut call = self.call.take().expect("a call is taken once");
        call.noted = self.account.read();
        (self.place.take(), call)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.call.is_none() {
            return;
        }
        let (place, call) = self.take();
        if let Some(place) = place.filter(|_| call.noted.by.is_some() || call.noted.changed) {
            drop(place.keep(call));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{By, mount, note, trace};
    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpRequest, HttpResponse, web};
    use futures_util::FutureExt as _;
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Kept {
        full: bool,
        fails: bool,
        calls: Arc<Mutex<Vec<(bool, Call)>>>,
    }

    struct At(bool, Arc<Mutex<Vec<(bool, Call)>>>);

    impl Recorder for Kept {
        fn reserve(&self) -> Option<Box<dyn Place>> {
            (!self.full).then(|| Box::new(At(self.fails, Arc::clone(&self.calls))) as _)
        }

        fn refused(&self, call: Call) {
            self.calls.lock().unwrap().push((false, call));
        }
    }

    impl Place for At {
        fn keep(self: Box<Self>, call: Call) -> BoxFuture<'static, bool> {
            self.1.lock().unwrap().push((true, call));
            std::future::ready(!self.0).boxed()
        }
    }

    async fn act(request: HttpRequest, status: web::Path<u16>) -> HttpResponse {
        note(&request).by(By::AdminToken, "somebody");
        note(&request).touched("thing", 7);
        match *status {
            0 => std::future::pending().await,
            1 => {
                note(&request).changed();
                Problem::bad_request("half", "half of it").error_response()
            }
            401 => Problem::unauthorized(&["Bearer"]).error_response(),
            status => HttpResponse::build(status.try_into().unwrap()).finish(),
        }
    }

    fn table() -> Vec<Route> {
        let route = |path: &str, audit| Route {
            method: Method::GET,
            path: path.to_owned(),
            handler: || web::to(act),
            access: Access::Admin,
            audit,
            summary: "",
            docs: || crate::Docs::new(""),
        };
        vec![
            route("/act/{status}", Audit::Entry("thing.act")),
            route("/see/{status}", Audit::Nothing),
        ]
    }

    /// The status that is answered, and what is kept of the call.
    async fn ask(kept: Kept, path: &str) -> (u16, Vec<(bool, Call)>) {
        let calls = Arc::clone(&kept.calls);
        let recorder: Arc<dyn Recorder> = Arc::new(kept);
        let app = App::new().wrap(from_fn(trace)).app_data(Data::from(recorder));
        let app = init_service(app.configure(|config| mount(&table(), |_| None, config))).await;
        let request = TestRequest::with_uri(path).to_request();
        let call = call_service(&app, request);
        let status = call.now_or_never().map_or(0, |response| response.status().as_u16());
        let calls = calls.lock().unwrap().clone();
        (status, calls)
    }

    #[actix_web::test]
    async fn a_change_is_kept_before_it_is_answered() {
        let (status, calls) = ask(Kept::default(), "/act/201").await;
        let [(true, call)] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!((status, call.status, call.outcome), (201, Some(201), Outcome::Done));
        assert_eq!((call.event, call.route.as_str()), (Some("thing.act"), "GET /act/{status}"));
        assert_eq!(call.noted.by, Some((By::AdminToken, "somebody".to_owned())));
        assert_eq!(call.noted.touched["thing"], 7);
        assert!(call.request_id.is_some());
        let (status, calls) = ask(Kept { fails: true, ..Kept::default() }, "/act/201").await;
        assert_eq!((status, calls.len()), (503, 1), "what is not recorded is not answered");
        let (status, calls) = ask(Kept { full: true, ..Kept::default() }, "/act/201").await;
        assert_eq!(
            (status, calls.len()),
            (503, 0),
            "nothing is done without a place for its entry"
        );
        let (status, calls) = ask(Kept::default(), "/act/1").await;
        assert_eq!((status, calls[0].0, calls[0].1.code), (400, true, Some("half")));
    }

    #[actix_web::test]
    async fn what_is_refused_is_counted_and_what_only_looks_is_nothing() {
        for (path, outcome) in [
            ("/act/404", Some(Outcome::Refused)),
            ("/act/500", Some(Outcome::Failed)),
            ("/see/401", Some(Outcome::Refused)),
            ("/see/404", None),
            ("/see/200", None),
        ] {
            let (_, calls) = ask(Kept::default(), path).await;
            let told: Vec<_> = calls.iter().map(|(kept, call)| (*kept, call.outcome)).collect();
            assert_eq!(
                told,
                outcome.map(|one| (false, one)).into_iter().collect::<Vec<_>>(),
                "{path}"
            );
        }
    }

    #[actix_web::test]
    async fn who_leaves_half_way_is_kept_too() {
        let (status, calls) = ask(Kept::default(), "/act/0").await;
        assert_eq!((status, calls[0].0, calls[0].1.outcome), (0, true, Outcome::Abandoned));
    }

    #[actix_web::test]
    async fn without_a_recorder_nothing_is_done() {
        let app =
            init_service(App::new().configure(|config| mount(&table(), |_| None, config))).await;
        let request = TestRequest::with_uri("/act/201").to_request();
        assert_eq!(call_service(&app, request).await.status(), 500);
    }
}
