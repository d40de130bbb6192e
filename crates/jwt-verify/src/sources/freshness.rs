//! For how long an answer says that it is good (RFC 9111).

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};

/// `max-age` less `Age`; nothing at all for `no-store` and `no-cache`; `None` where it is not said. What
/// cannot be read is as good as not said, and of two lives the shorter one counts.
pub(super) fn stated(headers: &HeaderMap) -> Option<Duration> {
    let mut life: Option<u64> = None;
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    for directive in values.flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let stated = match name.trim().to_ascii_lowercase().as_str() {
            "max-age" => seconds(value.trim().trim_matches('"')),
            "no-store" | "no-cache" => Some(0),
            _ => None,
        };
        life = stated.map(|stated| life.map_or(stated, |life| life.min(stated))).or(life);
    }
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(seconds).unwrap_or(0);
    life.map(|life| Duration::from_secs(life.saturating_sub(age)))
}

/// Digits alone; more than fits are as many as fit (RFC 9111, section 1.2.2).
fn seconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse::<u32>().unwrap_or(u32::MAX).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn life(cache_control: &[&str], age: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in cache_control {
            headers.append(CACHE_CONTROL, HeaderValue::from_str(value).unwrap());
        }
        if let Some(age) = age {
            headers.insert(AGE, HeaderValue::from_str(age).unwrap());
        }
        stated(&headers).map(|life| life.as_secs())
    }

    #[test]
    fn what_is_said_is_read_leniently() {
        for (said, wanted) in [
            (&["max-age=300"][..], Some(300)),
            (&["public, Max-Age=300, must-revalidate, no-transform"], Some(300)),
            (&["max-age = \"300\" "], Some(300)),
            (&["public", "max-age=300"], Some(300)),
            (&["max-age=300, max-age=200"], Some(200)),
            (&["max-age=99999999999999999999"], Some(u32::MAX.into())),
            (&["max-age=300, no-store"], Some(0)),
            (&["no-cache=\"set-cookie\", max-age=300"], Some(0)),
            (&["max-age=0, private, must-revalidate"], Some(0)),
            (&["s-maxage=300"], None),
            (&["max-age=-1"], None),
            (&["max-age=1.5"], None),
            (&["max-age="], None),
            (&["max-age"], None),
            (&[",,=,"], None),
            (&[], None),
        ] {
            assert_eq!(life(said, None), wanted, "{said:?}");
        }
    }

    #[test]
    fn age_is_subtracted() {
        assert_eq!(life(&["max-age=300"], Some("100")), Some(200));
        assert_eq!(life(&["max-age=300"], Some("301")), Some(0));
        assert_eq!(life(&["max-age=300"], Some("99999999999999999999")), Some(0));
        assert_eq!(life(&["max-age=300"], Some("-5")), Some(300));
        assert_eq!(life(&[], Some("100")), None);
    }
}
