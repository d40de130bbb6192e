//! Lines that fit a terminal.

/// Where the text of a step begins.
pub(super) const INDENT: usize = 13;

// Beyond this a line is too long to read, however wide the terminal is.
const WIDEST: usize = 120;
const NARROWEST: usize = 60;

/// `sent`, an arrow and `came`: on one line where it fits, else one below the other, each broken
/// between words.
pub(super) fn lay_out(width: usize, arrow: &str, sent: &str, came: &str) -> Vec<String> {
    let room = width.clamp(NARROWEST, WIDEST) - INDENT;
    let whole = format!("{sent} {arrow} {came}");
    if whole.chars().count() <= room {
        return vec![whole];
    }
    let hang = arrow.chars().count() + 1;
    let mut lines = wrap(sent, room);
    for (i, line) in wrap(came, room - hang).into_iter().enumerate() {
        lines.push(format!("{:hang$}{line}", if i == 0 { arrow } else { "" }));
    }
    lines
}

/// Breaks between words; a word longer than a line has a line of its own.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_one_line() {
        assert_eq!(lay_out(80, "→", "GET /auth", "401"), ["GET /auth → 401"]);
    }

    #[test]
    fn what_does_not_fit_is_broken_between_words_and_loses_none() {
        let (sent, came) = ("to be or not to be ".repeat(6), "that is the question ".repeat(6));
        for width in [0, 60, 80, 100, 500] {
            let lines = lay_out(width, "->", sent.trim(), came.trim());
            let room = width.clamp(NARROWEST, WIDEST) - INDENT;
            assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= room));
            assert!(lines.iter().any(|line| line.starts_with("-> that")));
            let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            let whole = format!("{sent} -> {came}");
            assert_eq!(words, whole.split_whitespace().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_word_longer_than_a_line_stays_whole() {
        let path = "x".repeat(200);
        assert_eq!(lay_out(80, "→", "look at", &path), ["look at".into(), format!("→ {path}")]);
    }
}
