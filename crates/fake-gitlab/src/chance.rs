//! The clock and the dice of the process: this crate stands on nothing of the house.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::{OffsetDateTime, UtcOffset};

/// The present moment, in UTC.
#[expect(clippy::disallowed_methods, reason = "a GitLab has a clock of its own")]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A moment as GitLab writes it: in UTC, with milliseconds.
pub(crate) fn stamp(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (date, time) = (at.date(), at.time());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{:03}Z", time.millisecond())
}

/// Random bytes.
#[expect(clippy::expect_used, reason = "without randomness there is nothing to pretend with")]
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    openssl::rand::rand_bytes(&mut bytes).expect("OpenSSL has randomness");
    bytes
}

/// A random UUID, version 4.
pub(crate) fn uuid() -> String {
    uuid::Builder::from_random_bytes(bytes()).into_uuid().to_string()
}

/// A token in the routable form with a version, as long as those of GitLab 18.
pub(crate) fn routable_token() -> String {
    let payload = URL_SAFE_NO_PAD.encode(bytes::<24>());
    let sum = u32::from_be_bytes(bytes()) % 1_000_000_000;
    format!("glpat-{payload}.01.{sum:09}")
}
