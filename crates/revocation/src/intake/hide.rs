//! Text that came with a secret, without the secret.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;

const HIDDEN: &str = "[secret]";

/// How often one way of writing may be written in another, as in an address that is a parameter of an address.
const LAYERS: usize = 3;

/// Bytes of the secret that are looked for in base64: as many as nothing else begins with.
const PROBE: usize = 12;

/// Text beside a secret as it may be kept. A location such as `https://user:<token>@host/…` would
/// keep the secret in the clear long after its seal was erased; and Postgres knows no NUL.
///
/// Where the secret stands as it is, it alone is taken out; where it is written in another way (escaped as in
/// an address or in JSON, base64), nothing of the text is left.
pub fn hide(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.replace('\0', "\u{fffd}");
    }
    let hidden = text.replace(secret, HIDDEN);
    if tells(&hidden, secret) {
        return HIDDEN.to_owned();
    }
    hidden.replace('\0', "\u{fffd}")
}

fn tells(text: &str, secret: &str) -> bool {
    let mut read = Cow::Borrowed(text);
    for _ in 0..LAYERS {
        if has_base64(&read, secret.as_bytes()) {
            return true;
        }
        if !read.contains(['%', '\\']) {
            return false;
        }
        let plain = unescaped(&percent_decode_str(&read).decode_utf8_lossy()).into_owned();
        if plain.contains(secret) {
            return true;
        }
        read = Cow::Owned(plain);
    }
    false
}

/// Text of a JSON string as it is meant; what is no escape stands for itself.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let (read, length) = match after.bytes().next() {
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'r') => ('\r', 1),
            Some(b'u') => code_unit(after).map_or(('\\', 0), |read| (read, 5)),
            Some(it) if it.is_ascii_punctuation() => (char::from(it), 1),
            _ => ('\\', 0),
        };
        plain.push(read);
        rest = &after[length..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn code_unit(after: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(after.get(1..5)?, 16).ok()?)
}

/// Whether base64 of something that holds the secret stands in `text`, wherever in it the secret is: three
/// bytes make four characters, so there are three ways in which it may begin.
fn has_base64(text: &str, secret: &[u8]) -> bool {
    (0..3).any(|skipped| {
        let Some(probe) = secret.get(skipped..skipped + PROBE) else { return false };
        let (mut one, mut other) = ([0; PROBE / 3 * 4], [0; PROBE / 3 * 4]);
        let written = STANDARD_NO_PAD.encode_slice(probe, &mut one).is_ok()
            && URL_SAFE_NO_PAD.encode_slice(probe, &mut other).is_ok();
        let stands = |coded: &[u8]| std::str::from_utf8(coded).is_ok_and(|it| text.contains(it));
        written && (stands(&one) || (one != other && stands(&other)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "glpat-a_b+c/d\"e\\f-0123456789";

    fn encoded(text: &str) -> String {
        text.bytes().flat_map(|byte| ["%".to_owned(), hex::encode_upper([byte])]).collect()
    }

    #[test]
    fn alone_it_is_taken_out() {
        assert_eq!(hide(&format!("https://x:{SECRET}@a/b"), SECRET), "https://x:[secret]@a/b");
        assert_eq!(hide("https://a/100%/b\\c\\u12", SECRET), "https://a/100%/b\\c\\u12");
        assert_eq!(hide("a\0b", SECRET), "a\u{fffd}b");
        assert_eq!(hide("a\0b", ""), "a\u{fffd}b");
    }

    #[test]
    fn written_in_another_way_it_takes_the_text_with_it() {
        let json = serde_json::json!(SECRET).to_string();
        let units: String =
            SECRET.bytes().flat_map(|b| ["\\u00".to_owned(), hex::encode([b])]).collect();
        let mut told = vec![
            encoded(SECRET),
            encoded(&encoded(SECRET)),
            json.clone(),
            json.replace('/', "\\/"),
            encoded(&json),
            units,
            encoded(&STANDARD_NO_PAD.encode(SECRET)),
        ];
        for before in ["", "a", "ab", "user:", "oauth2:"] {
            let whole = format!("{before}{SECRET}");
            told.extend([STANDARD_NO_PAD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)]);
        }
        for text in told {
            assert_eq!(hide(&format!("https://a/b?c={text}&d"), SECRET), "[secret]", "{text}");
        }
    }

    #[test]
    fn either_alphabet_of_base64_counts() {
        let secret = "~~~???>>>~~~???>>>";
        for before in ["", "a", "ab"] {
            let whole = format!("{before}{secret}");
            let (one, other) = (STANDARD_NO_PAD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole));
            assert_ne!(one, other);
            assert_eq!([hide(&one, secret), hide(&other, secret)], ["[secret]"; 2]);
        }
    }

    #[test]
    fn what_is_no_escape_does_no_harm() {
        for text in ["\\", "\\u", "\\ud800", "\\u00", "\\uäöü", "%", "%zz", "\\ä", "a\\b\\"] {
            assert_eq!(hide(text, SECRET), text);
            assert_eq!(hide(text, "s"), text);
        }
    }
}
