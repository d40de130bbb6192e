//! What may be written to a terminal, and how wide it is.

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
        if c.is_control() || is_invisible(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
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
    fn what_people_write_stays() {
        for text in ["Jürgen's \"CI\" \\ token", "部署 👩‍💻", "नमस्ते", "שלום", ""]
        {
            assert_eq!(plain(text), text);
        }
    }
}
