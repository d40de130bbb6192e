//! What is fetched, and from where.

use std::time::Duration;

use url::Url;

use super::fetch::{self, Answer};
use super::{KeyError, RemoteOptions, address, document, worth_having};
use crate::KeySet;

/// Where somebody publishes keys.
#[derive(Debug)]
pub(super) enum Place {
    Discovery { authority: String, document: Url },
    Jwks(Url),
    Certificates(Url),
}

/// Keys, and how long they live.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    pub(super) life: Duration,
}

impl Place {
    pub(super) fn discovery(authority: &str) -> Result<Self, KeyError> {
        let document = document::url_of(authority)?;
        Ok(Self::Discovery { authority: authority.to_owned(), document })
    }

    pub(super) fn jwks(url: &str) -> Result<Self, KeyError> {
        address::parse(url).map(Self::Jwks)
    }

    pub(super) fn certificates(certs_url: &str, account: &str) -> Result<Self, KeyError> {
        let mut url = address::parse(certs_url)?;
        // The account becomes one segment of the path, whatever somebody wrote there.
        if !account.contains('@') {
            return Err(KeyError::Address);
        }
        url.path_segments_mut().map_err(|()| KeyError::Address)?.pop_if_empty().push(account);
        Ok(Self::Certificates(url))
    }

    /// As a log may show it.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Discovery { document: url, .. } | Self::Jwks(url) | Self::Certificates(url) => {
                address::label(url)
            }
        }
    }

    /// Fetches once. Whoever calls sees to the deadline.
    pub(super) async fn fetch(&self, options: &RemoteOptions) -> Result<Fetched, KeyError> {
        let headers = Some(&options.headers);
        let get = |url, headers| fetch::get(&options.http, url, headers, options.max_body);
        let Answer { body, life } = match self {
            Self::Jwks(url) | Self::Certificates(url) => get(url, headers).await?,
            Self::Discovery { authority, document } => {
                let answer = get(document, headers).await?;
                let keys = document::keys_of(&answer.body, authority, document)?;
                // The document may name a place that is not meant to see what was meant for this one.
                let headers = headers.filter(|_| keys.origin() == document.origin());
                get(&keys, headers).await?
            }
        };
        let keys = prepare(body, self.reader()).await?;
        Ok(Fetched { keys, life: options.life(life, self.default_life()) })
    }

    fn reader(&self) -> fn(&[u8]) -> Option<KeySet> {
        match self {
            Self::Certificates(_) => KeySet::from_certificates,
            Self::Discovery { .. } | Self::Jwks(_) => KeySet::from_jwks,
        }
    }

    fn default_life(&self) -> Duration {
        match self {
            Self::Certificates(_) => Duration::from_hours(1),
            Self::Discovery { .. } | Self::Jwks(_) => Duration::from_mins(5),
        }
    }
}

/// A large set takes a while: long enough to keep other requests of the thread waiting.
async fn prepare(body: Vec<u8>, read: fn(&[u8]) -> Option<KeySet>) -> Result<KeySet, KeyError> {
    let prepared = tokio::task::spawn_blocking(move || worth_having(read(&body))).await;
    prepared.unwrap_or(Err(KeyError::Malformed("cannot be read")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_one_segment_of_the_path() {
        let label = |certs_url, account| Place::certificates(certs_url, account).map(|p| p.label());
        let account = "gerrit@x.iam.gserviceaccount.com";
        for certs_url in ["https://example.com/x509/", "https://example.com/x509"] {
            let wanted = format!("https://example.com/x509/{account}");
            assert_eq!(label(certs_url, account), Ok(wanted));
        }
        let tricky = label("https://example.com/x509/", "../a@b/../c?d#e%2f").unwrap();
        assert_eq!(tricky, "https://example.com/x509/..%2Fa@b%2F..%2Fc%3Fd%23e%252f");
        for account in ["", ".", "..", "nobody"] {
            assert_eq!(label("https://example.com/", account), Err(KeyError::Address));
        }
        assert_eq!(label("http://example.com/", "a@b"), Err(KeyError::Insecure));
    }
}
