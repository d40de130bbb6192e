//! Patterns over texts.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest pattern, in bytes.
const LONGEST: usize = 1024;

/// A text with wildcards, compared with the whole of another, letter case included: `*` is any text
/// without `/`, `**` any text at all, `\*` a star and `\\` a backslash. No wildcard takes a control
/// character: what looks like one line is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Letter(char),
    /// `*`
    Segment,
    /// `**`
    Anything,
}

/// Why a text is no pattern.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum PatternError {
    /// Nothing is meant, or the pattern was forgotten.
    #[error("a pattern is not empty")]
    Empty,
    /// More than 1,024 bytes.
    #[error("a pattern has at most 1,024 bytes")]
    TooLong,
    /// A backslash escapes a star or a backslash, and nothing else.
    #[error("a backslash stands before '*' or another backslash")]
    Escape,
    /// Whether `***` is one wildcard or two, nobody can tell.
    #[error("no more than two stars stand together")]
    Stars,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > LONGEST {
            return Err(PatternError::TooLong);
        }
        let mut pieces = Vec::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            pieces.push(match letter {
                '\\' => match letters.next() {
                    Some(escaped @ ('*' | '\\')) => Piece::Letter(escaped),
                    _ => return Err(PatternError::Escape),
                },
                '*' if letters.next_if_eq(&'*').is_none() => Piece::Segment,
                '*' if letters.peek() == Some(&'*') => return Err(PatternError::Stars),
                '*' => Piece::Anything,
                letter => Piece::Letter(letter),
            });
        }
        Ok(Self { text: text.to_owned(), pieces })
    }
}

impl Pattern {
    /// Whether it fits the whole of the text. Takes as many steps as the text has letters times the
    /// pattern has pieces, at worst: every place of the pattern that may have been reached goes along.
    pub fn matches(&self, text: &str) -> bool {
        let mut reached = vec![false; self.pieces.len() + 1];
        reached[0] = true;
        self.skip_wildcards(&mut reached);
        for letter in text.chars() {
            let mut next = vec![false; reached.len()];
            for (place, piece) in self.pieces.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match piece {
                    Piece::Letter(wanted) if *wanted == letter => next[place + 1] = true,
                    Piece::Segment if letter != '/' && !letter.is_control() => next[place] = true,
                    Piece::Anything if !letter.is_control() => next[place] = true,
                    Piece::Letter(_) | Piece::Segment | Piece::Anything => {}
                }
            }
            self.skip_wildcards(&mut next);
            reached = next;
        }
        reached[self.pieces.len()]
    }

    /// A wildcard may stand for nothing.
    fn skip_wildcards(&self, reached: &mut [bool]) {
        for (place, piece) in self.pieces.iter().enumerate() {
            if reached[place] && !matches!(piece, Piece::Letter(_)) {
                reached[place + 1] = true;
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(pattern: &str, text: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(text)
    }

    #[test]
    fn a_star_stops_at_a_slash_and_two_do_not() {
        for (pattern, text) in [
            ("infra/*", "infra/a"),
            ("infra/*", "infra/"),
            ("infra/**", "infra/a/b"),
            ("*/deploy", "infra/deploy"),
            ("**/deploy", "a/b/deploy"),
            ("v*.*", "v1.2"),
            ("**", ""),
            ("a**b", "a/x/b"),
            (r"a\*b\\", r"a*b\"),
            ("ä*", "äö"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("infra/*", "infra/a/b"),
            ("infra/*", "infra"),
            ("infra/*", "xinfra/a"),
            ("infra/*", "Infra/a"),
            ("main", "main\n"),
            ("main*", "main\n"),
            ("**", "a\0"),
            (r"a\*b", "axb"),
            ("group", "gr\u{43e}up"),
            ("a", ""),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, error) in [
            (String::new(), PatternError::Empty),
            ("a".repeat(1025), PatternError::TooLong),
            ("a\\".into(), PatternError::Escape),
            ("\\a".into(), PatternError::Escape),
            ("a***".into(), PatternError::Stars),
            ("****".into(), PatternError::Stars),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_text_made_to_be_slow_is_not() {
        let pattern = "*a".repeat(400) + "*b";
        assert!(!fits(&pattern, &"a".repeat(16_000)));
    }

    proptest! {
        #[test]
        fn a_text_without_wildcards_fits_itself_alone(one in "[^\\\\*]{1,20}", other in "[^\\\\*]{1,20}") {
            prop_assert!(fits(&one, &one));
            prop_assert_eq!(fits(&one, &other), one == other);
        }

        #[test]
        fn two_stars_fit_every_line(text in "[^\\p{Cc}]{0,40}") {
            prop_assert!(fits("**", &text));
            prop_assert_eq!(fits("*", &text), !text.contains('/'));
        }

        #[test]
        fn an_escaped_text_fits_itself_alone(text in "[a\\\\*]{1,12}", other in "[a\\\\*]{1,12}") {
            let escaped = text.replace('\\', r"\\").replace('*', r"\*");
            prop_assert_eq!(fits(&escaped, &other), text == other);
        }
    }
}
