//! How long an answer asks us to wait.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The longest wait that is believed: nobody who means it asks for more, and who does not must not
/// keep a leaked token alive.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// GitLab's own, beside `Retry-After`: seconds since 1970.
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What `Retry-After` (RFC 9110 section 10.2.3) or else GitLab's `RateLimit-Reset` says. A moment is
/// measured from the answer's own `Date`, so that a difference between the clocks does not count.
pub fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    let wait = retry_after(headers).or_else(|| reset(headers))?;
    Some(wait.min(LONGEST_WAIT))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    seconds(text).or_else(|| until(headers, httpdate::parse_http_date(text).ok()?))
}

fn reset(headers: &HeaderMap) -> Option<Duration> {
    let since_1970 = seconds(text(headers, &RATE_LIMIT_RESET)?)?;
    until(headers, SystemTime::UNIX_EPOCH.checked_add(since_1970)?)
}

/// Zero for a moment that has passed.
fn until(headers: &HeaderMap, moment: SystemTime) -> Option<Duration> {
    let sent = httpdate::parse_http_date(text(headers, &DATE)?).ok()?;
    Some(moment.duration_since(sent).unwrap_or_default())
}

fn seconds(text: &str) -> Option<Duration> {
    // `parse` would also take a sign.
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // A number that does not fit is a long wait too.
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE_HEADER: (&str, &str) = ("date", "Wed, 17 Jun 2026 08:42:30 GMT");

    fn wait(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), value.parse().expect("a header's value"))
        });
        asked_for(&headers.collect()).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_taken_up_to_a_day() {
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "0")]), Some(0));
        assert_eq!(wait(&[("retry-after", " 42 ")]), Some(42));
        assert_eq!(wait(&[("retry-after", "86401")]), Some(86_400));
        assert_eq!(wait(&[("retry-after", "99999999999999999999999")]), Some(86_400));
        for junk in ["", "-1", "+1", "1.5", "soon", "1,2"] {
            assert_eq!(wait(&[("retry-after", junk)]), None, "{junk:?}");
        }
    }

    #[test]
    fn a_date_is_measured_from_the_answers_own() {
        let at = |text| [DATE_HEADER, ("retry-after", text)];
        assert_eq!(wait(&at("Wed, 17 Jun 2026 08:43:00 GMT")), Some(30));
        assert_eq!(wait(&at("Wed, 17 Jun 2026 08:42:00 GMT")), Some(0));
        assert_eq!(wait(&at("Wed, 17 Jun 2099 08:42:00 GMT")), Some(86_400));
        assert_eq!(wait(&at("Wed, 77 Jun 2026 08:43:00 GMT")), None);
        assert_eq!(wait(&[("retry-after", "Wed, 17 Jun 2026 08:43:00 GMT")]), None);
    }

    #[test]
    fn gitlabs_reset_counts_where_nothing_else_is_said() {
        let reset = ("ratelimit-reset", "1781685780");
        assert_eq!(wait(&[DATE_HEADER, reset]), Some(30));
        assert_eq!(wait(&[DATE_HEADER, reset, ("retry-after", "7")]), Some(7));
        assert_eq!(wait(&[DATE_HEADER, ("ratelimit-reset", "18446744073709551615")]), None);
        assert_eq!(wait(&[reset]), None);
    }
}
