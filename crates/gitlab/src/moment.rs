//! Days and times as GitLab writes them.

use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};

/// `YYYY-MM-DD`, and none of the other forms of ISO 8601.
pub(crate) fn day(text: &str) -> Option<Date> {
    Date::parse(text, &Iso8601::DATE).ok().filter(|day| written(*day) == text)
}

/// RFC 3339.
pub(crate) fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// `YYYY-MM-DD`, of a year up to 9999.
pub(crate) fn written(day: Date) -> String {
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

#[cfg(test)]
mod tests {
    use time::Month;

    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written() {
        for (day_of_month, text) in [(1, "2027-02-01"), (28, "2027-02-28")] {
            let date = Date::from_calendar_date(2027, Month::February, day_of_month).unwrap();
            assert_eq!(written(date), text);
            assert_eq!(day(text), Some(date));
        }
        assert_eq!(
            written(Date::from_calendar_date(7, Month::December, 31).unwrap()),
            "0007-12-31"
        );
        for junk in [
            "",
            "never",
            "2027-02-29",
            "2027-13-01",
            "2027-032",
            "20270201",
            "2027-02-01T00:00:00Z",
        ] {
            assert_eq!(day(junk), None, "{junk:?}");
        }
    }

    #[test]
    fn a_moment_has_an_offset() {
        let noon = moment("2026-06-17T12:00:00.500Z").unwrap();
        assert_eq!(moment("2026-06-17T14:00:00.500+02:00"), Some(noon));
        assert_eq!(noon.unix_timestamp(), 1_781_697_600);
        for junk in ["", "2026-06-17", "2026-06-17T12:00:00", "2026-06-17 12:00:00 UTC"] {
            assert_eq!(moment(junk), None, "{junk:?}");
        }
    }
}
