//! Times as people read them: RFC 3339 in UTC to the second, maybe with how far away that is.

use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

/// A moment as the API tells it, in UTC, to the second. What is no moment (GitLab gives some dates
/// as a day) stays as it is.
pub(super) fn to_the_second(text: &str) -> String {
    parse(text).map_or_else(|| text.to_owned(), second)
}

/// The same with how far from `now` it is.
pub(super) fn with_distance(text: &str, now: OffsetDateTime) -> String {
    let Some(at) = parse(text) else { return text.to_owned() };
    format!("{} ({})", second(at), distance(at, now))
}

fn parse(text: &str) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    // The ends of the calendar may lie on another day in UTC.
    at.checked_to_offset(UtcOffset::UTC)
}

fn second(at: OffsetDateTime) -> String {
    // Only years beyond 9999 cannot be written, and none was read.
    at.truncate_to_second().format(&Rfc3339).unwrap_or_default()
}

fn distance(at: OffsetDateTime, now: OffsetDateTime) -> String {
    const UNITS: [(u64, &str, &str); 5] = [
        (31_557_600, "year", "years"),
        (86_400, "day", "days"),
        (3600, "hour", "hours"),
        (60, "minute", "minutes"),
        (1, "second", "seconds"),
    ];
    let seconds = (at - now + time::Duration::milliseconds(500)).whole_seconds();
    let far = seconds.unsigned_abs();
    let Some((unit, one, many)) = UNITS.into_iter().find(|(unit, ..)| far >= *unit) else {
        return "now".to_owned();
    };
    let count = (far + unit / 2) / unit;
    let unit = if count == 1 { one } else { many };
    if seconds > 0 { format!("in {count} {unit}") } else { format!("{count} {unit} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00:00.5 UTC);

    #[test]
    fn moments_are_utc_with_their_distance() {
        for (text, shown) in [
            ("2026-11-21T12:00:00.7Z", "2026-11-21T12:00:00Z (now)"),
            ("2026-11-21T12:00:02.5Z", "2026-11-21T12:00:02Z (in 2 seconds)"),
            ("2026-12-21T12:00:00Z", "2026-12-21T12:00:00Z (in 30 days)"),
            ("2026-11-21T11:59:00Z", "2026-11-21T11:59:00Z (1 minute ago)"),
            ("2026-11-21T14:00:00.5+01:00", "2026-11-21T13:00:00Z (in 1 hour)"),
            ("2026-12-21T12:00:00.5Z", "2026-12-21T12:00:00Z (in 30 days)"),
            ("2024-11-21T00:00:00Z", "2024-11-21T00:00:00Z (2 years ago)"),
        ] {
            assert_eq!(with_distance(text, NOW), shown);
            assert!(shown.starts_with(&to_the_second(text)));
        }
    }

    #[test]
    fn what_is_no_moment_stays() {
        for text in ["2027-06-16", "", "soon", "9999-12-31T23:59:59-23:00"] {
            assert_eq!((with_distance(text, NOW), to_the_second(text)), (text.into(), text.into()));
        }
    }
}
