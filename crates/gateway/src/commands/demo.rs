//! `portcullis demo`

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use super::output::Output;
use super::terminal;
use crate::config::Environment;
use crate::demo::{self, Ended, Look};
use crate::error::StartError;

/// Walks through everything, and goes on serving unless `once`.
pub(super) fn run(
    once: bool,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, StartError> {
    let look = look(environment, output);
    match demo::run(look, !once, &mut io::stdout())? {
        Ended::Held => Ok(ExitCode::SUCCESS),
        Ended::Failed => Err(StartError::new("demo", "a step did not hold")),
        Ended::Interrupted => Err(StartError::new("interrupted", "told to stop before the end")),
    }
}

fn look(environment: &Environment, output: &Output) -> Look {
    if output.for_machines() {
        return Look::Json;
    }
    if !io::stdout().is_terminal() {
        return Look::Log;
    }
    let width = terminal::width().unwrap_or(80);
    Look::Terminal { width, utf8: shows_utf8(environment), colour: wants_colour(environment) }
}

/// What POSIX says of the locale's character set: the first of the three that is set counts.
fn shows_utf8(environment: &Environment) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.text(name));
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// <https://no-color.org>, and terminals that know no colours.
fn wants_colour(environment: &Environment) -> bool {
    environment.text("NO_COLOR").is_none() && environment.text("TERM").is_none_or(|t| t != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().copied().collect()
    }

    #[test]
    fn the_first_locale_that_is_set_says_the_character_set() {
        for (pairs, utf8) in [
            (&[][..], false),
            (&[("LANG", "C.UTF-8")], true),
            (&[("LANG", "de_DE.utf8")], true),
            (&[("LANG", "C.UTF-8"), ("LC_ALL", "C")], false),
            (&[("LANG", "C"), ("LC_CTYPE", "en_GB.UTF-8")], true),
            (&[("LANG", "C.UTF-8"), ("LC_ALL", "")], true),
        ] {
            assert_eq!(shows_utf8(&environment(pairs)), utf8, "{pairs:?}");
        }
    }

    #[test]
    fn colours_can_be_refused() {
        assert!(wants_colour(&environment(&[("TERM", "xterm"), ("NO_COLOR", "")])));
        assert!(!wants_colour(&environment(&[("NO_COLOR", "1")])));
        assert!(!wants_colour(&environment(&[("TERM", "dumb")])));
    }
}
