//! How one value is read: from a TOML value to a type, or a line that says what was expected.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use url::Url;

/// A type that a key can have. The error never repeats the value: it may be a misplaced secret.
pub(super) trait Setting: Sized {
    /// What a value is, in a word or two, for the reference.
    const WHAT: &'static str;

    /// Reads one value.
    fn read(value: &toml::Value) -> Result<Self, String>;
}

/// Reads a string and parses it.
pub(super) fn parsed<T>(
    value: &toml::Value,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, String> {
    value.as_str().and_then(parse).ok_or_else(|| format!("must be {expected}"))
}

impl Setting for String {
    const WHAT: &'static str = "text";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "a string", |text| Some(text.to_owned()))
    }
}

impl Setting for u64 {
    const WHAT: &'static str = "a whole number";

    fn read(value: &toml::Value) -> Result<Self, String> {
        let number = value.as_integer().and_then(|n| Self::try_from(n).ok());
        number.ok_or_else(|| "must be a whole number, 0 or more".to_owned())
    }
}

impl Setting for bool {
    const WHAT: &'static str = "true or false";

    fn read(value: &toml::Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "must be true or false".to_owned())
    }
}

impl Setting for SocketAddr {
    const WHAT: &'static str = "address and port";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "an address with a port, such as \"127.0.0.1:8080\"", |t| t.parse().ok())
    }
}

impl Setting for Duration {
    const WHAT: &'static str = "a duration";

    fn read(value: &toml::Value) -> Result<Self, String> {
        let expected = "a duration with its unit, such as \"10s\" or \"15m\"";
        parsed(value, expected, |t| humantime::parse_duration(t).ok())
    }
}

impl Setting for ByteSize {
    const WHAT: &'static str = "a size";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "a size with its unit, such as \"64MiB\"", |t| t.parse().ok())
    }
}

impl Setting for Url {
    const WHAT: &'static str = "a URL";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "an http or https URL without user, query or fragment", |text| {
            let url = Self::parse(text).ok()?;
            let plain = url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
        })
    }
}

impl Setting for PathBuf {
    const WHAT: &'static str = "a path";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "the path of a file", |t| (!t.is_empty()).then(|| Self::from(t)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Setting>(literal: &str) -> Result<T, String> {
        T::read(&literal.parse().unwrap())
    }

    #[test]
    fn each_type_takes_its_own() {
        assert_eq!(read::<u64>("7"), Ok(7));
        assert_eq!(read::<bool>("true"), Ok(true));
        assert_eq!(read::<Duration>("\"15m\""), Ok(Duration::from_mins(15)));
        assert_eq!(read::<ByteSize>("\"64MiB\""), Ok(ByteSize::mib(64)));
        assert_eq!(read::<SocketAddr>("\"[::1]:80\"").unwrap().port(), 80);
        assert_eq!(read::<Url>("\"https://a.example/x\"").unwrap().path(), "/x");
    }

    #[test]
    fn nothing_else_passes_and_no_value_is_repeated() {
        for literal in ["-1", "1.5", "\"s3cret\"", "true", "2026-01-01", "\"\""] {
            assert!(!read::<u64>(literal).unwrap_err().contains("s3cret"));
            assert!(!read::<Duration>(literal).unwrap_err().contains("s3cret"));
            assert!(!read::<SocketAddr>(literal).unwrap_err().contains("s3cret"));
            assert!(!read::<Url>(literal).unwrap_err().contains("s3cret"));
        }
        for url in ["ftp://a", "https://u:p@a", "https://a?q", "https://a#f", "https://", "a.b"] {
            assert!(read::<Url>(&format!("{url:?}")).is_err(), "{url}");
        }
    }
}
