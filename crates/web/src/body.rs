//! Bodies, bounded.

use std::fmt;
use std::ops::Deref;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::Payload;
use portcullis_base::secret::Zeroizing;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::Problem;

mod chunks;
mod room;

pub use chunks::{BodyLimits, Chunks};
use room::Share;

/// The length that the request announces, where it does.
pub fn announced_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// A body that was read whole. It is overwritten when dropped, since it may hold secrets, and has its
/// share of [`BodyLimits`] until then.
pub struct Body {
    bytes: Zeroizing<Vec<u8>>,
    // Behind the bytes: they are gone before their room is another's.
    share: Share,
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

/// Reads a body of at most `limit` bytes. While there is no room for it beside those that others keep,
/// it is 503.
pub async fn body(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Body, Problem> {
    let too_large = || Problem::too_large(limit as u64);
    if announced_length(request).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    // With room for all that is announced, since a buffer that grows leaves copies behind.
    let announced = announced_length(request).and_then(|length| usize::try_from(length).ok());
    let bytes = Zeroizing::new(Vec::with_capacity(announced.unwrap_or(limit.min(16 * 1024))));
    let mut chunks = Chunks::of(request, payload);
    let mut body = Body { bytes, share: chunks.share() };
    while let Some(chunk) = chunks.next().await? {
        if chunk.len() > limit - body.len() {
            return Err(too_large());
        }
        if !body.share.grow(chunk.len()) {
            return Err(Problem::unavailable());
        }
        body.bytes.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads a JSON body of at most `limit` bytes, whatever its Content-Type says. No answer repeats
/// any of it.
pub async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
) -> Result<T, Problem> {
    let body = body(request, payload, limit).await?;
    serde_json::from_slice(&body).map_err(|error| {
        // The first fault found may be one of shape in a text that is no JSON further on.
        let syntax = serde_json::from_slice::<IgnoredAny>(&body).err();
        explain(&syntax.unwrap_or(error))
    })
}

/// Where and how it is wrong, without any of what is there: serde repeats values in some texts.
fn explain(error: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    let at = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Data => Problem::bad_request(
            "invalid_members",
            format!("a member is missing, unknown, or of another type than it should be ({at})"),
        ),
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::bad_request("invalid_json", format!("the body is not JSON ({at})"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::FromRequest as _;
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use actix_web::web::Bytes;
    use futures_util::StreamExt as _;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        name: String,
    }

    /// The body comes without a length, unless the request has one.
    async fn read(request: TestRequest, body: impl Into<Bytes>) -> Result<Named, Problem> {
        let request = request.to_http_request();
        let parts = futures_util::stream::iter([Ok::<Bytes, PayloadError>(body.into())]);
        let mut inner = actix_web::dev::Payload::from(parts.boxed_local());
        let payload = Payload::from_request(&request, &mut inner).await.unwrap();
        json(&request, payload, 64).await
    }

    #[actix_web::test]
    async fn json_is_read_whatever_its_type_says() {
        for kind in ["application/json", "text/plain", "nonsense"] {
            let request = TestRequest::post().insert_header(("content-type", kind));
            assert_eq!(read(request, r#"{"name":"x"}"#).await.unwrap().name, "x");
        }
    }

    #[actix_web::test]
    async fn what_cannot_be_read_is_told_without_repeating_it() {
        for (body, code) in [
            (&b""[..], "invalid_json"),
            (b"hunter2", "invalid_json"),
            (b"{\"name\":\"hunter2\xff\"}", "invalid_json"),
            (br#"{"name":"hunter2"} x"#, "invalid_json"),
            (br#"{"hunter2":1},"#, "invalid_json"),
            (b"{}", "invalid_members"),
            (br#"{"hunter2":1}"#, "invalid_members"),
            (br#"{"name":["hunter2"]}"#, "invalid_members"),
            (br#"{"name":"a","name":"hunter2"}"#, "invalid_members"),
            (br#""hunter2""#, "invalid_members"),
        ] {
            let problem = read(TestRequest::post(), body).await.unwrap_err();
            assert_eq!(problem.code(), code, "{body:?}");
            assert!(!format!("{problem:?}").contains("hunter2"), "{problem}");
        }
    }

    #[actix_web::test]
    async fn a_large_body_is_refused_announced_or_not() {
        let problem = read(TestRequest::post(), vec![b' '; 65]).await.unwrap_err();
        assert_eq!(problem.code(), "too_large");
        let request = TestRequest::post().insert_header(("content-length", "99999999999"));
        assert_eq!(read(request, "").await.unwrap_err().code(), "too_large");
        let exact = format!("{:64}", r#"{"name":"x"}"#);
        assert_eq!(read(TestRequest::post(), exact).await.unwrap().name, "x");
    }

    /// The body itself, as whoever reads it keeps it.
    async fn whole(limits: &BodyLimits, text: &'static str) -> Result<Body, Problem> {
        let request = TestRequest::post().app_data(limits.clone()).to_http_request();
        let parts = futures_util::stream::iter([Ok::<_, PayloadError>(Bytes::from(text))]);
        let mut inner = actix_web::dev::Payload::from(parts.boxed_local());
        let payload = Payload::from_request(&request, &mut inner).await.unwrap();
        body(&request, payload, 64).await
    }

    #[actix_web::test]
    async fn a_body_has_its_share_of_the_room_as_long_as_it_is_kept() {
        let limits = BodyLimits::new(std::time::Duration::from_secs(1), 1, 12);
        let kept = whole(&limits, "hunter2").await.unwrap();
        assert_eq!(whole(&limits, "hunter").await.unwrap_err().code(), "unavailable");
        assert_eq!(&whole(&limits, "other").await.unwrap()[..], b"other", "so much is left");
        assert!(!format!("{kept:?}").contains("hunter2") && !format!("{kept:?}").contains("104"));
        drop(kept);
        assert_eq!(&whole(&limits, "hunter").await.unwrap()[..], b"hunter");
    }

    #[actix_web::test]
    async fn without_room_one_is_asked_to_come_later() {
        let limits = BodyLimits::new(std::time::Duration::from_secs(1), 1, 12);
        let text = r#"{"name":"x"}"#;
        let request = || TestRequest::post().app_data(limits.clone());
        assert_eq!(read(request(), text).await.unwrap().name, "x");
        assert_eq!(read(request(), text).await.unwrap().name, "x", "it was given back");
        let problem = read(request(), format!("{text} ")).await.unwrap_err();
        assert_eq!(problem.code(), "unavailable");
    }
}
