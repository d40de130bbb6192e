//! Addresses that keys may be fetched from.

use portcullis_base::http::is_safe;
use url::Url;

use super::KeyError;

/// An address from configuration.
pub(super) fn parse(text: &str) -> Result<Url, KeyError> {
    let url = Url::parse(text).map_err(|_| KeyError::Address)?;
    check(&url)?;
    Ok(url)
}

/// Keys that came over a wire that others write to are anybody's keys.
pub(super) fn check(url: &Url) -> Result<(), KeyError> {
    is_safe(url).then_some(()).ok_or(KeyError::Insecure)
}

/// The address as a log may show it: without user, password and query.
pub(super) fn label(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for url in [
            "https://example.com/keys",
            "http://localhost:1/keys",
            "http://127.0.0.1/",
            "http://127.8.9.1:80/",
            "http://[::1]:8080/",
        ] {
            assert!(parse(url).is_ok(), "{url}");
        }
        for url in [
            "http://example.com/keys",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "http://127.0.0.1@example.com/",
            "http://10.0.0.1/",
            "http://169.254.169.254/",
            "http://0.0.0.0/",
            "http://[::2]/",
            "ftp://localhost/",
            "file:///etc/keys.json",
            "data:application/json,{}",
        ] {
            assert_eq!(parse(url), Err(KeyError::Insecure), "{url}");
        }
        for url in ["", "keys.json", "//example.com/keys", "https://", "https://a b/"] {
            assert_eq!(parse(url), Err(KeyError::Address), "{url}");
        }
    }

    #[test]
    fn a_log_sees_neither_password_nor_query() {
        let url = Url::parse("https://user:hidden@example.com:8443/a/b?key=hidden#hidden").unwrap();
        assert_eq!(label(&url), "https://example.com:8443/a/b");
    }
}
