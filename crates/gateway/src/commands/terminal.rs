//! What may be written to a terminal, and how wide it is.

use std::fmt::Write as _;

use serde_json::Value;
use terminal_size::{Width, terminal_size_of};

/// The columns of the terminal on standard output; `None` where it is none.
pub(super) fn width() -> Option<usize> {
    let (Width(columns), _) = terminal_size_of(std::io::stdout())?;
    // Some terminals do not know their size, and say 0.
    (columns > 0).then_some(usize::from(columns))
}

/// The text with everything spelt out that would move the cursor, colour or reorder what is
/// printed, or hide in it: names and locations are what anybody wrote into a GitLab.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// The same JSON as ever, with those characters as JSON escapes: what is for machines may be looked
/// at too.
pub(super) fn json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

fn is_harmful(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Marks of direction, separators and fillers without a width; the joiners that scripts and emoji
/// need are not among them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_drive_a_terminal_is_spelt_out() {
        for (text, shown) in [
            ("deploy \u{1b}[2J\u{1b}]0;owned\u{7}", r"deploy \u{1b}[2J\u{1b}]0;owned\u{7}"),
            ("a\nb\r\tc\0", r"a\u{a}b\u{d}\u{9}c\u{0}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("\u{7f}", r"\u{7f}"),
            ("gpj.\u{202e}exe", r"gpj.\u{202e}exe"),
            ("\u{2066}x\u{2069}\u{feff}\u{200b}", r"\u{2066}x\u{2069}\u{feff}\u{200b}"),
            ("line\u{2028}two", r"line\u{2028}two"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn json_is_harmless_and_means_the_same() {
        let value =
            serde_json::json!({ "a\u{9b}": "\u{1b}[2J\n\u{7f}\u{202e}\u{e0041} \\ \" 部署" });
        let text = json(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(!text.contains(is_harmful), "{text}");
        assert!(text.contains("部署") && text.contains(r"\udb40\udc41"), "{text}");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["Jürgen's \"CI\" \\ token", "部署 👩‍💻", "नमस्ते", "שלום", ""]
        {
            assert_eq!(plain(text), text);
        }
    }
}
