//! A body, part by part, from a client that may be slow.

use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Payload};
use futures_util::StreamExt as _;

use super::room::{Room, Share};
use crate::Problem;

/// What clients may take of time and memory for their bodies; in the app data.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    pause: Duration,
    rate: u64,
    room: Room,
}

impl BodyLimits {
    /// The next part of a body may take as long as `pause`. One that has been waited for longer than
    /// that in all has to come with `rate` bytes a second. Bodies that are read whole before anything is
    /// done with them may take `held` bytes, all together.
    pub fn new(pause: Duration, rate: u64, held: usize) -> Self {
        Self { pause, rate, room: Room::of(held) }
    }
}

impl Default for BodyLimits {
    /// 30 s, 4 KiB a second, 64 MiB.
    fn default() -> Self {
        Self::new(Duration::from_secs(30), 4096, 64 << 20)
    }
}

/// The parts of a body. Only the time that is spent waiting for the client counts against it.
pub struct Chunks {
    payload: Payload,
    limits: BodyLimits,
    waited: Duration,
    received: u64,
}

impl Chunks {
    /// Those of a request, within the limits that its app data has.
    pub fn of(request: &HttpRequest, payload: Payload) -> Self {
        let limits = request.app_data::<BodyLimits>().cloned().unwrap_or_default();
        Self { payload, limits, waited: Duration::ZERO, received: 0 }
    }

    /// The next part, `None` at the end. A transfer that breaks off is 400 `body`, one that stands still
    /// or goes on too slowly 408 `body_timeout`.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let began = Instant::now();
        let next = actix_web::rt::time::timeout(self.limits.pause, self.payload.next()).await;
        self.waited += began.elapsed();
        let Ok(next) = next else { return Err(timeout("the body stood still for too long")) };
        let next =
            next.transpose().map_err(|_| Problem::bad_request("body", "the body broke off"))?;
        self.received += next.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if next.is_some() && self.is_too_slow() {
            return Err(timeout("the body came too slowly"));
        }
        Ok(next)
    }

    fn is_too_slow(&self) -> bool {
        let due = u128::from(self.limits.rate) * self.waited.as_millis() / 1000;
        self.waited > self.limits.pause && u128::from(self.received) < due
    }

    /// A share of the room for bodies that are read whole.
    pub(super) fn share(&self) -> Share {
        self.limits.room.share()
    }
}

fn timeout(detail: &str) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::FromRequest as _;
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use futures_util::stream;

    const PAUSE: Duration = Duration::from_millis(60);

    /// Parts of so many bytes, each so many milliseconds after the one before.
    async fn chunks(limits: &BodyLimits, parts: &[(u64, usize)]) -> Chunks {
        let request = TestRequest::post().app_data(limits.clone()).to_http_request();
        let parts = stream::iter(parts.to_vec()).then(|(wait, length)| async move {
            actix_web::rt::time::sleep(Duration::from_millis(wait)).await;
            Ok::<_, PayloadError>(Bytes::from(vec![b' '; length]))
        });
        let mut inner = actix_web::dev::Payload::from(parts.boxed_local());
        let payload = Payload::from_request(&request, &mut inner).await.unwrap();
        Chunks::of(&request, payload)
    }

    async fn read(limits: &BodyLimits, parts: &[(u64, usize)]) -> Result<u64, &'static str> {
        let mut chunks = chunks(limits, parts).await;
        while chunks.next().await.map_err(|problem| problem.code())?.is_some() {}
        Ok(chunks.received)
    }

    #[actix_web::test]
    async fn drops_end_and_what_is_slow_and_large_does_not() {
        let limits = BodyLimits::new(PAUSE, 1000, 0);
        assert_eq!(read(&limits, &[(1000, 1)]).await, Err("body_timeout"), "one pause");
        assert_eq!(read(&limits, &[(20, 1); 100]).await, Err("body_timeout"), "many drops");
        assert_eq!(read(&limits, &[(20, 100_000); 8]).await, Ok(800_000));
        let limits = BodyLimits::new(Duration::from_secs(30), 1000, 0);
        assert_eq!(read(&limits, &[(5, 1); 10]).await, Ok(10), "quick, though small");
    }

    #[actix_web::test]
    async fn our_own_time_is_not_the_clients() {
        let began = Instant::now();
        let mut chunks = chunks(&BodyLimits::default(), &[(1, 1); 5]).await;
        let mut own = Duration::ZERO;
        while chunks.next().await.unwrap().is_some() {
            let before = Instant::now();
            actix_web::rt::time::sleep(PAUSE).await;
            own += before.elapsed();
        }
        assert_eq!(chunks.received, 5);
        let (waited, took) = (chunks.waited, began.elapsed());
        assert!(waited + own <= took, "{waited:?} and {own:?} of {took:?}");
    }

    #[actix_web::test]
    async fn there_is_room_for_so_many_bytes_and_it_is_given_back() {
        let limits = BodyLimits::new(PAUSE, 1000, 100);
        let chunks = chunks(&limits, &[]).await;
        let (mut one, mut other) = (chunks.share(), chunks.share());
        assert!(one.grow(60) && !other.grow(50) && other.grow(40) && !one.grow(1));
        drop(other);
        assert!(one.grow(40) && !one.grow(1));
        drop(one);
        assert!(chunks.share().grow(100));
    }
}
