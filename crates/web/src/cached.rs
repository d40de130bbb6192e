//! Documents that anybody may keep for a while.

use actix_web::http::header::Header as _;
use actix_web::http::header::{CACHE_CONTROL, ETAG, EntityTag, IF_NONE_MATCH, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse};

/// The `Cache-Control` of a public document that may be kept for this many seconds.
pub fn cache_control(max_age: u64) -> String {
    format!("public, max-age={max_age}")
}

/// Answers with a public document of type `kind`, to be kept for `max_age` seconds; `tag` changes when it
/// does. Whoever has this very document is told so (RFC 9110, section 13.1.2).
pub fn cached(
    request: &HttpRequest,
    max_age: u64,
    kind: &'static str,
    tag: String,
    document: String,
) -> HttpResponse {
    let tag = EntityTag::new_strong(tag);
    let known = request.headers().contains_key(IF_NONE_MATCH)
        && match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(items)) => items.iter().any(|item| item.weak_eq(&tag)),
            Err(_) => false,
        };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, cache_control(max_age)))
        .insert_header((ETAG, tag.to_string()));
    if known { response.finish() } else { response.content_type(kind).body(document) }
}
