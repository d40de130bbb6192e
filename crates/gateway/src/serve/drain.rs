//! Leaving without a request lost: whoever sends requests here is told first, and the listeners close when
//! it has had the time to hear of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use portcullis_web::Problem;

/// When whoever asks `/ready` may look here again: another process may be in this one's place.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Whether this process is about to leave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drain(Arc<AtomicBool>);

impl Drain {
    /// From now on it is.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// For `/ready`: 503 `draining` while requests are served all the same.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.is_on() {
            let detail = "this process is about to leave; others take requests";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", detail)
                .retry_after(LOOK_AGAIN));
        }
        Ok(())
    }
}

/// Ends each connection with the answer that is sent on it, so that a client who keeps connections makes its
/// next one elsewhere, and none is closed under a request that is on its way.
pub(super) async fn say_goodbye(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let drain: Option<&Data<Drain>> = response.request().app_data();
    if drain.is_some_and(|drain| drain.is_on()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
