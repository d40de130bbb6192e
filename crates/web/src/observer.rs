//! Who counts what is asked and answered.

use std::time::Duration;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;

use crate::Code;
use crate::routes::Place;

/// Is told of every request of a listener, on the thread that answers it: it must not wait for anything.
///
/// A listener has one where its app data has a `Data<dyn Observer>`.
pub trait Observer: Send + Sync + 'static {
    /// A request has come.
    fn begun(&self);

    /// A request is over: it was answered, or its caller left.
    fn ended(&self);

    /// A request was answered; before [`Self::ended`].
    fn answered(&self, answered: &Answered<'_>);
}

/// An answer, as far as it may be counted: nothing of it is the caller's to choose freely but the method.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The place of the path in [`places`](crate::places) of the table; `None` where nothing is there.
    pub place: Option<usize>,
    /// Whatever the caller sent.
    pub method: &'a Method,
    /// The status of the answer.
    pub status: StatusCode,
    /// The stable code of a problem.
    pub code: Option<&'static str>,
    /// From the request's head to the answer's.
    pub took: Duration,
}

/// One request under way.
pub(crate) struct Watch(Option<Data<dyn Observer>>);

impl Watch {
    pub(crate) fn begin(request: &ServiceRequest) -> Self {
        let observer = request.app_data::<Data<dyn Observer>>().cloned();
        if let Some(observer) = &observer {
            observer.begun();
        }
        Self(observer)
    }

    pub(crate) fn answered<B>(&self, method: &Method, answer: &ServiceResponse<B>, took: Duration) {
        let Some(observer) = &self.0 else { return };
        let status = answer.status();
        let is_refusal = status.is_client_error() || status.is_server_error();
        let code = || answer.response().extensions().get::<Code>().map(|code| code.0);
        observer.answered(&Answered {
            place: answer.request().app_data::<Place>().map(|place| place.0),
            method,
            status,
            code: is_refusal.then(code).flatten(),
            took,
        });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(observer) = &self.0 {
            observer.ended();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse, web};

    use crate::{Access, Audit, Problem, Route, mount, places, trace};

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Heard {
        fn note(&self, what: String) {
            self.0.lock().unwrap().push(what);
        }
    }

    impl Observer for Heard {
        fn begun(&self) {
            self.note("begun".to_owned());
        }

        fn ended(&self) {
            self.note("ended".to_owned());
        }

        fn answered(&self, a: &Answered<'_>) {
            self.note(format!("{:?} {} {} {:?}", a.place, a.method, a.status.as_u16(), a.code));
        }
    }

    fn table() -> Vec<Route> {
        let route = |path: &str, handler: fn() -> actix_web::Route| Route {
            method: Method::GET,
            path: path.to_owned(),
            handler,
            access: Access::Public,
            audit: Audit::Nothing,
            summary: "",
            docs: || crate::Docs::new(""),
        };
        vec![
            route("/z/{tail:.*}", || web::to(|| async { "tail" })),
            route("/b/{id}", || web::to(|| async { Err::<HttpResponse, _>(Problem::internal()) })),
            route("/a", || web::to(|| async { "a" })),
        ]
    }

    #[actix_web::test]
    async fn every_request_is_told_by_the_place_of_its_path() {
        let heard = Arc::new(Heard::default());
        let observer: Arc<dyn Observer> = heard.clone();
        let table = table();
        assert_eq!(places(&table), ["/a", "/b/{id}", "/z/{tail:.*}"]);
        let app = App::new().wrap(from_fn(trace)).app_data(Data::from(observer));
        let app = init_service(app.configure(|config| mount(&table, |_| None, config))).await;
        for (method, path, told) in [
            ("GET", "/a", "Some(0) GET 200 None"),
            ("BREW", "/a", "Some(0) BREW 405 Some(\"method_not_allowed\")"),
            ("GET", "/b/7", "Some(1) GET 500 Some(\"internal\")"),
            ("GET", "/z/x/y", "Some(2) GET 200 None"),
            ("GET", "/nothing", "None GET 404 Some(\"not_found\")"),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            call_service(&app, TestRequest::with_uri(path).method(method).to_request()).await;
            let heard = std::mem::take(&mut *heard.0.lock().unwrap());
            assert_eq!(heard, ["begun", told, "ended"], "{path}");
        }
    }
}
