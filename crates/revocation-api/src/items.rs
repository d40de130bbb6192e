//! From an element's bytes to a report, or to the reason why it is none.

use portcullis_revocation::intake::{LONGEST_LOCATION, Report, hide};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::item::{Item, Member};
use crate::splitter::Element;

const LONGEST_TYPE: usize = 256;
const LONGEST_TOKEN: usize = 16 * 1024;

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

/// An item that was not taken, as it is told.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectedItem {
    /// Its place in the body, from 0.
    index: u64,
    /// Stable.
    #[schema(schema_with = Rejection::codes)]
    code: &'static str,
    /// For people.
    reason: &'static str,
}

impl Rejection {
    const ALL: [Self; 4] =
        [Self::InvalidItem, Self::ItemTooLarge, Self::TokenTooLong, Self::UnsupportedType];

    /// Of the item at this place.
    pub const fn at(self, index: u64) -> RejectedItem {
        RejectedItem { index, code: self.code(), reason: self.reason() }
    }

    fn codes() -> Schema {
        let codes = Self::ALL.map(Self::code);
        Schema::Object(
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes)).build(),
        )
    }

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
    // Asked of the whole element: the parser would not look into members that it passes over.
    let item = std::str::from_utf8(bytes).ok().and_then(|text| serde_json::from_str(text).ok());
    let Some(Item { token_type: Some(Member::Text(token_type)), token: Some(token), location }) =
        item
    else {
        return Judged::Rejected(Rejection::InvalidItem);
    };
    of(&token_type, token, location.as_ref().map(SecretString::expose_secret))
}

/// The same of members that were read.
pub(crate) fn of(token_type: &SecretString, token: Member, location: Option<&str>) -> Judged {
    let token_type = token_type.expose_secret();
    if token_type.is_empty()
        || token_type.len() > LONGEST_TYPE
        || token_type.chars().any(char::is_control)
    {
        return Judged::Rejected(Rejection::InvalidItem);
    }
    let secret = match token {
        Member::Null => return Judged::Skipped,
        Member::Other => return Judged::Rejected(Rejection::InvalidItem),
        Member::Text(secret) => secret,
    };
    match secret.expose_secret().len() {
        0 => Judged::Skipped,
        1..=LONGEST_TOKEN => {
            let location = location.and_then(|text| shorten(text, secret.expose_secret()));
            Judged::Report(Report { token_type: token_type.to_owned(), secret, location })
        }
        _ => Judged::Rejected(Rejection::TokenTooLong),
    }
}

/// As much of a location as is kept; nothing of an empty one. A secret that it holds is taken out before it could
/// be cut in two: half of one would not be known again.
fn shorten(text: &str, secret: &str) -> Option<String> {
    let text = match text.len() {
        0 => return None,
        1..=LONGEST_LOCATION => return Some(text.to_owned()),
        _ => hide(text, secret),
    };
    Some(text[..text.floor_char_boundary(LONGEST_LOCATION)].to_owned())
}
