//! From an element's bytes to a report, or to the reason why it is none.

use portcullis_base::secret::SecretString;
use portcullis_revocation::intake::Report;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::splitter::Element;

const LONGEST_TYPE: usize = 256;
const LONGEST_TOKEN: usize = 16 * 1024;
const LONGEST_LOCATION: usize = 2048;

/// What became of one element.
#[derive(Debug)]
pub enum Judged {
    /// A report.
    Report(Report),
    /// It has no token: the scanner kept no extract. No reason for a complaint.
    Skipped,
    /// It cannot be taken.
    Rejected(Rejection),
}

/// Why an element cannot be taken. Nothing of the element itself is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Not an object, or a member missing, twice, or of the wrong type.
    InvalidItem,
    /// Longer than is kept in memory.
    ItemTooLarge,
    /// The token is longer than any token is.
    TokenTooLong,
    /// The type is not offered to this client.
    UnsupportedType,
}

impl Rejection {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidItem => "invalid_item",
            Self::ItemTooLarge => "item_too_large",
            Self::TokenTooLong => "token_too_long",
            Self::UnsupportedType => "unsupported_type",
        }
    }

    /// The same for people.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::InvalidItem => "an item is an object with a string `type` and a `token`",
            Self::ItemTooLarge => "the item is longer than 262144 bytes",
            Self::TokenTooLong => "the token is longer than 16384 bytes",
            Self::UnsupportedType => "this type is not offered to this client",
        }
    }
}

/// Reads one element.
pub fn judge(element: Element<'_>) -> Judged {
    let Element::Bytes(bytes) = element else {
        return Judged::Rejected(Rejection::ItemTooLarge);
    };
    let Ok(item) = serde_json::from_slice::<Item>(bytes) else {
        return Judged::Rejected(Rejection::InvalidItem);
    };
    let bad_type = item.token_type.is_empty()
        || item.token_type.len() > LONGEST_TYPE
        || item.token_type.chars().any(char::is_control);
    if bad_type {
        return Judged::Rejected(Rejection::InvalidItem);
    }
    match item.token {
        None => Judged::Skipped,
        Some(token) if token.is_empty() => Judged::Skipped,
        Some(token) if token.len() > LONGEST_TOKEN => Judged::Rejected(Rejection::TokenTooLong),
        Some(token) => Judged::Report(Report {
            token_type: item.token_type,
            secret: SecretString::from(token),
            location: item.location.0.map(shorten),
        }),
    }
}

/// An item as GitLab sends it; whatever else is in it is nobody's business. `token` must be there,
/// but may be null. A member that comes twice is an error: which one would be meant?
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    token_type: String,
    #[serde(deserialize_with = "Option::deserialize")]
    token: Option<String>,
    #[serde(default)]
    location: Location,
}

/// Where the token was found. Anything but a string counts as nothing: a token must not live
/// because its location is odd.
#[derive(Default)]
struct Location(Option<String>);

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyLocation).map(Self)
    }
}

struct AnyLocation;

impl<'de> Visitor<'de> for AnyLocation {
    type Value = Option<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a location")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

fn shorten(mut location: String) -> String {
    if location.len() > LONGEST_LOCATION {
        location.truncate(location.floor_char_boundary(LONGEST_LOCATION));
    }
    location
}
