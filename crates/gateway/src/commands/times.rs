//! Times as people read them: RFC 3339 in UTC to the second, maybe with how far away that is.

use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

/// A moment as the API tells it, in UTC, to the second. What is no moment (GitLab gives some dates
/// as a day), or none that RFC 3339 can write in UTC, stays as it is.
pub(super) fn to_the_second(text: &str) -> String {
    parse(text).map_or_else(|| text.to_owned(), |(_, second)| second)
}

/// The same with how far from `now` it is.
pub(super) fn with_distance(text: &str, now: OffsetDateTime) -> String {
    let Some((at, second)) = parse(text) else { return text.to_owned() };
    format!("{second} ({})", distance(at, now))
}

/// The moment, and as it is shown.
fn parse(text: &str) -> Option<(OffsetDateTime, String)> {
    // The ends of the calendar may lie on another day in UTC, and in a year without four digits.
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    Some((at, at.truncate_to_second().format(&Rfc3339).ok()?))
}

/// So many seconds in the largest unit of which they are one, the rest left out: `42s`, `3h`.
pub(super) fn in_short(seconds: u64) -> String {
    let (unit, sign) = match seconds {
        0..60 => (1, 's'),
        60..3600 => (60, 'm'),
        3600..86_400 => (3600, 'h'),
        _ => (86_400, 'd'),
    };
    format!("{}{sign}", seconds / unit)
}

const UNITS: [(u64, &str, &str); 5] = [
    (31_557_600, "year", "years"),
    (86_400, "day", "days"),
    (3600, "hour", "hours"),
    (60, "minute", "minutes"),
    (1, "second", "seconds"),
];

fn distance(at: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = (at - now + time::Duration::milliseconds(500)).whole_seconds();
    let far = seconds.unsigned_abs();
    let finer = UNITS.iter().skip(1).map(|(unit, ..)| *unit).chain([1]);
    // What rounds to a whole unit in the next finer one is that unit: never 60 minutes.
    let mut units = UNITS.iter().zip(finer);
    let Some(((unit, one, many), _)) =
        units.find(|((unit, ..), finer)| rounded(far, *finer) * finer >= *unit)
    else {
        return "now".to_owned();
    };
    let count = rounded(far, *unit);
    let unit = if count == 1 { one } else { many };
    if seconds > 0 { format!("in {count} {unit}") } else { format!("{count} {unit} ago") }
}

fn rounded(seconds: u64, unit: u64) -> u64 {
    (seconds + unit / 2) / unit
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
            ("2026-11-21T12:59:29.5Z", "2026-11-21T12:59:29Z (in 59 minutes)"),
            ("2026-11-21T12:59:30.5Z", "2026-11-21T12:59:30Z (in 1 hour)"),
            ("2026-11-21T11:00:01Z", "2026-11-21T11:00:01Z (1 hour ago)"),
            ("2026-11-21T12:30:00.5Z", "2026-11-21T12:30:00Z (in 30 minutes)"),
            ("2026-11-22T11:29:00Z", "2026-11-22T11:29:00Z (in 23 hours)"),
            ("2026-11-22T11:31:00Z", "2026-11-22T11:31:00Z (in 1 day)"),
            ("2027-11-21T12:00:00Z", "2027-11-21T12:00:00Z (in 365 days)"),
            ("2027-11-22T00:00:01Z", "2027-11-22T00:00:01Z (in 1 year)"),
        ] {
            assert_eq!(with_distance(text, NOW), shown);
            assert!(shown.starts_with(&to_the_second(text)));
        }
    }

    #[test]
    fn a_span_is_short() {
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h"),
            (86_399, "23h"),
            (86_400, "1d"),
            (864_000, "10d"),
        ] {
            assert_eq!(in_short(seconds), shown);
        }
    }

    #[test]
    fn what_is_no_moment_stays() {
        let ends = ["0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-23:00"];
        for text in ["2027-06-16", "", "soon"].into_iter().chain(ends) {
            assert_eq!((with_distance(text, NOW), to_the_second(text)), (text.into(), text.into()));
        }
    }
}
