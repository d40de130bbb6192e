//! Requests of one listener.
//!
//! What is counted for each request is found by numbers and counted without a lock: the names of a series
//! are written out once, when it is counted first.

use std::sync::OnceLock;

use actix_web::http::{Method, StatusCode};
use portcullis_web::{Answered, Observer, Route, places};
use prometheus::{Histogram, IntCounter, IntGauge};

use super::list::Counting;
use super::recorded::Recorded;

/// The methods that are told by name; the last one stands for all others.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// The statuses that are told by number; the last one stands for all others.
const STATUSES: [&str; 29] = [
    "200", "201", "202", "204", "206", "301", "302", "304", "400", "401", "403", "404", "405",
    "406", "408", "409", "410", "411", "412", "413", "414", "415", "422", "429", "431", "500",
    "502", "503", "other",
];

/// Where no path of ours is.
const NOWHERE: &str = "none";

/// The code of an answer that has none: what `/auth` says to everybody whom it does not know.
const UNAUTHORIZED: &str = "unauthorized";

/// Counts the requests of one listener.
pub(super) struct Listener {
    name: &'static str,
    /// One for each path of the table, and one for everything else.
    places: Vec<Place>,
    in_flight: IntGauge,
    requests: Counting<4>,
    refusals: Counting<3>,
}

struct Place {
    route: String,
    took: Histogram,
    by_method: [OnceLock<Box<ByStatus>>; METHODS.len()],
    unauthorized: OnceLock<IntCounter>,
}

type ByStatus = [OnceLock<IntCounter>; STATUSES.len()];

impl Listener {
    pub(super) fn new(name: &'static str, table: &[Route], recorded: &Recorded) -> Self {
        let place = |route: &str| Place {
            route: route.to_owned(),
            took: recorded.http_duration.with([name, route]),
            by_method: std::array::from_fn(|_| OnceLock::new()),
            unauthorized: OnceLock::new(),
        };
        Self {
            name,
            places: places(table).into_iter().chain([NOWHERE]).map(place).collect(),
            in_flight: recorded.http_in_flight.with([name]),
            requests: recorded.http_requests.clone(),
            refusals: recorded.http_refusals.clone(),
        }
    }

    fn place(&self, place: Option<usize>) -> Option<&Place> {
        place.and_then(|at| self.places.get(at)).or_else(|| self.places.last())
    }

    fn request(&self, place: &Place, method: &Method, status: StatusCode) {
        let (method, status) = (of_method(method), of_status(status));
        let by_status = place.by_method[method]
            .get_or_init(|| Box::new(std::array::from_fn(|_| OnceLock::new())));
        let counter = by_status[status].get_or_init(|| {
            self.requests.with([self.name, &place.route, METHODS[method], STATUSES[status]])
        });
        counter.inc();
    }

    fn refusal(&self, place: &Place, status: StatusCode, code: Option<&'static str>) {
        let of = |code| self.refusals.with([self.name, &place.route, code]);
        match code {
            Some(code) if code != UNAUTHORIZED => of(code).inc(),
            None if status != StatusCode::UNAUTHORIZED => of("none").inc(),
            // What a flood is answered with.
            _ => place.unauthorized.get_or_init(|| of(UNAUTHORIZED)).inc(),
        }
    }
}

impl Observer for Listener {
    fn begun(&self) {
        self.in_flight.inc();
    }

    fn ended(&self) {
        self.in_flight.dec();
    }

    fn answered(&self, answered: &Answered<'_>) {
        let Some(place) = self.place(answered.place) else { return };
        place.took.observe(answered.took.as_secs_f64());
        self.request(place, answered.method, answered.status);
        if answered.status.is_client_error() || answered.status.is_server_error() {
            self.refusal(place, answered.status, answered.code);
        }
    }
}

fn of_method(method: &Method) -> usize {
    let other = METHODS.len() - 1;
    METHODS[..other].iter().position(|name| *name == method.as_str()).unwrap_or(other)
}

fn of_status(status: StatusCode) -> usize {
    let other = STATUSES.len() - 1;
    STATUSES[..other].iter().position(|name| *name == status.as_str()).unwrap_or(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_other() {
        assert_eq!(METHODS[of_method(&Method::PATCH)], "PATCH");
        assert_eq!(METHODS[of_method(&Method::from_bytes(b"BREW").unwrap())], "other");
        assert_eq!(METHODS[of_method(&Method::from_bytes(b"get").unwrap())], "other");
        assert_eq!(STATUSES[of_status(StatusCode::SERVICE_UNAVAILABLE)], "503");
        assert_eq!(STATUSES[of_status(StatusCode::from_u16(799).unwrap())], "other");
    }
}
