//! A way of authenticating a request.

use async_trait::async_trait;

/// The headers of a request, whatever server it came to.
pub trait Headers: Sync {
    /// Every value under this name (lower case), in order.
    fn values(&self, name: &str) -> Vec<&[u8]>;
}

impl Headers for http::HeaderMap {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.get_all(name).iter().map(http::HeaderValue::as_bytes).collect()
    }
}

/// What a method has to say of a request. Absent is not invalid: only a request that does not ask for
/// this method may go on to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T, E> {
    /// Nothing in the request is meant for this method.
    NotRequested,
    /// It was, and it holds.
    Authenticated(T),
    /// It was, and it does not hold.
    Failed(E),
}

/// One method of a chain.
#[async_trait]
pub trait AuthMethod: Send + Sync {
    /// Who it is, where it holds.
    type Caller;
    /// Why it does not.
    type Error;

    /// Judges a request by its headers.
    async fn authenticate(&self, headers: &dyn Headers) -> Outcome<Self::Caller, Self::Error>;
}
