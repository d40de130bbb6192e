//! The secret in what a scanner kept of the source.

use portcullis_base::secret::{SecretString, Zeroizing};

const QUOTES: [char; 3] = ['"', '\'', '`'];

/// What scanners write where they hide a secret.
const HIDDEN: [&str; 4] = ["REDACTED", "[REDACTED]", "MASKED", "[MASKED]"];

/// The secret alone: without white space around it, and without quotes that stand around all of it.
/// `None` where nothing is left, or where the scanner hid it or a part of it.
pub(super) fn secret(extract: String) -> Option<SecretString> {
    let extract = Zeroizing::new(extract);
    let text = unquoted(extract.trim());
    (!text.is_empty() && !is_hidden(text)).then(|| text.into())
}

/// Two quoted words are not one in quotes.
fn unquoted(mut text: &str) -> &str {
    while let Some(inner) = QUOTES.iter().find_map(|&quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    }) {
        text = inner.trim();
    }
    text
}

/// Gitleaks ends what it kept a part of with three dots; others fill with asterisks.
fn is_hidden(text: &str) -> bool {
    HIDDEN.iter().any(|hidden| text.eq_ignore_ascii_case(hidden))
        || text.contains("***")
        || text.ends_with("...")
        || text.ends_with('…')
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_base::secret::ExposeSecret as _;

    fn of(extract: &str) -> Option<String> {
        secret(extract.to_owned()).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn what_stands_around_all_of_it_is_taken_off() {
        for around in ["T", " T\t", "\"T\"", "'T'", "`T`", "\n \" T \" \r\n", "'\"T\"'"] {
            let extract = around.replace('T', "glpat-abc");
            assert_eq!(of(&extract).as_deref(), Some("glpat-abc"), "{extract}");
        }
    }

    #[test]
    fn what_does_not_stays() {
        for whole in
            ["'abc", "abc\"", "\"abc'", "\"a\" + \"b\"", "a'b", "a b", "pass.word", "a..b", "**x"]
        {
            assert_eq!(of(whole).as_deref(), Some(whole));
        }
        let pem = "-----BEGIN A-----\nx\n-----END A-----";
        assert_eq!(of(&format!("{pem}\n")).as_deref(), Some(pem));
    }

    #[test]
    fn what_is_hidden_or_nothing_is_no_secret() {
        for nothing in [
            "",
            " \n",
            "\"\"",
            "' '",
            "REDACTED",
            "redacted",
            " \"[REDACTED]\" ",
            "[MASKED]",
            "***",
            "glpat-*****",
            "'glpat-***abc'",
            "glpat-ab...",
            "glpat-ab…",
        ] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }
}
