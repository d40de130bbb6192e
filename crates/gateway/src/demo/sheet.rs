//! What people, logs and machines get to read.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::layout::{INDENT, lay_out};
use super::walk::{Line, Mismatch, Tally};

/// For whom lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// A terminal.
    Terminal {
        /// Its columns.
        width: usize,
        /// Whether it shows more than ASCII.
        utf8: bool,
        /// Whether it is to be coloured.
        colour: bool,
    },
    /// A file or a pipe: a plain line per step.
    Log,
    /// A program: an object per step.
    Json,
}

/// Where the lines go. A reader that has gone away is no reason to stop; what else could not be
/// written is remembered for the end.
pub(super) struct Sheet<'o> {
    look: Look,
    out: &'o mut dyn Write,
    unwritten: Option<io::Error>,
}

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const TITLE: Style = Style::new().bold();
const PLAIN: Style = Style::new();

impl<'o> Sheet<'o> {
    pub(super) fn new(look: Look, out: &'o mut dyn Write) -> Self {
        Self { look, out, unwritten: None }
    }

    /// What this is, before anything happens.
    pub(super) fn opening(&mut self) {
        if self.is_for_people() {
            let version = env!("CARGO_PKG_VERSION");
            self.styled(TITLE, &format!("Portcullis {version}: a demo"));
            self.line(
                "The gateway and its SQLite, a pretended GitLab and vendors, in one process;",
            );
            self.line("every request below is a real one over loopback.");
        }
    }

    pub(super) fn chapter(&mut self, title: &str) {
        if self.is_for_people() {
            self.line("");
            self.styled(TITLE, title);
        }
    }

    /// One step: what was sent and what came of it, or what was expected instead.
    pub(super) fn step(
        &mut self,
        chapter: &str,
        name: &str,
        line: &Line,
        mismatch: Option<&Mismatch>,
    ) {
        let came = match mismatch {
            None => line.came.clone(),
            Some(Mismatch { expected, came }) => format!("expected {expected}, came {came}"),
        };
        let ok = mismatch.is_none();
        match self.look {
            Look::Json => self.object(chapter, name, line, mismatch),
            Look::Log => {
                let mark = if ok { "ok" } else { "FAILED" };
                let arrow = if line.sent.is_empty() { "" } else { " -> " };
                self.line(&format!("{mark:<8}{name}: {}{arrow}{came}", line.sent));
            }
            Look::Terminal { width, utf8, .. } => {
                let lines = lay_out(width, if utf8 { "→" } else { "->" }, &line.sent, &came);
                self.marked(ok, utf8, name, &lines);
            }
        }
    }

    /// How it went, when nothing more comes or the serving begins.
    pub(super) fn tally(&mut self, tally: Tally, seconds: f64) {
        let Tally { held, of } = tally;
        let text = match (held, of) {
            _ if tally.all_held() => format!("All {of} steps held, in {seconds:.1} s."),
            _ => format!("{held} of {of} steps held; the walk ended where it failed."),
        };
        match self.look {
            Look::Json => self.line(&json!({"held": held, "of": of}).to_string()),
            Look::Log => self.line(&text),
            Look::Terminal { .. } => {
                self.line("");
                self.styled(if tally.all_held() { GOOD } else { BAD }, &text);
            }
        }
    }

    /// A closing remark for people.
    pub(super) fn remark(&mut self, text: &str) {
        if self.look != Look::Json {
            self.line(text);
        }
    }

    /// What can be called and looked at, by name.
    pub(super) fn places(&mut self, places: &[(&str, String)]) {
        if self.look == Look::Json {
            let places: serde_json::Map<_, _> =
                places.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            self.line(&json!({ "serving": places }).to_string());
            return;
        }
        for (name, value) in places {
            self.line(&format!("  {name:<9}{value}"));
        }
    }

    fn object(&mut self, chapter: &str, name: &str, line: &Line, mismatch: Option<&Mismatch>) {
        let mut object = json!({
            "chapter": chapter, "step": name, "ok": mismatch.is_none(),
            "sent": line.sent, "came": line.came,
        });
        if let Some(Mismatch { expected, came }) = mismatch {
            object["expected"] = json!(expected);
            object["came"] = json!(came);
        }
        self.line(&object.to_string());
    }

    fn marked(&mut self, ok: bool, utf8: bool, name: &str, lines: &[String]) {
        let mark = match (ok, utf8) {
            (true, true) => "✓ ",
            (true, false) => "ok ",
            (false, true) => "✗ ",
            (false, false) => "FAILED ",
        };
        let style = if ok { GOOD } else { BAD };
        let (on, off) = self.colours(style);
        let head = format!("{mark}{name}");
        let gap = " ".repeat(INDENT.saturating_sub(2 + head.chars().count()).max(1));
        let first = lines.first().map_or("", String::as_str);
        self.line(&format!("  {on}{mark}{off}{name}{gap}{first}"));
        for line in lines.iter().skip(1) {
            self.line(&format!("{:INDENT$}{line}", ""));
        }
    }

    fn is_for_people(&self) -> bool {
        matches!(self.look, Look::Terminal { .. })
    }

    fn styled(&mut self, style: Style, text: &str) {
        let (on, off) = self.colours(style);
        self.line(&format!("{on}{text}{off}"));
    }

    /// The sequences that switch a style on and off; nothing where there are no colours.
    fn colours(&self, style: Style) -> (String, String) {
        let coloured = matches!(self.look, Look::Terminal { colour: true, .. });
        let style = if coloured { style } else { PLAIN };
        (style.render().to_string(), style.render_reset().to_string())
    }

    fn line(&mut self, text: &str) {
        let utf8 = matches!(self.look, Look::Json | Look::Terminal { utf8: true, .. });
        let text = if utf8 { Cow::Borrowed(text) } else { Cow::Owned(text.replace('…', "...")) };
        if let Err(error) = writeln!(self.out, "{text}")
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.unwritten.get_or_insert(error);
        }
    }

    /// Whether everything was written.
    pub(super) fn close(self) -> io::Result<()> {
        self.unwritten.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(utf8: bool, colour: bool) -> Look {
        Look::Terminal { width: 80, utf8, colour }
    }

    fn written(look: Look, mismatch: Option<&Mismatch>) -> String {
        let mut out = Vec::new();
        let mut sheet = Sheet::new(look, &mut out);
        let line = Line { sent: "a request".into(), came: "its answer".into() };
        sheet.opening();
        sheet.chapter("A chapter");
        sheet.step("A chapter", "one", &line, mismatch);
        sheet.tally(Tally { held: 1, of: 1 }, 0.5);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn marks_are_ascii_where_nothing_else_is_shown() {
        let mismatch = Mismatch::new("a", "b");
        assert!(written(terminal(true, false), None).contains("  ✓ one"));
        assert!(written(terminal(true, false), Some(&mismatch)).contains("  ✗ one"));
        let (good, bad) = (
            written(terminal(false, false), None),
            written(terminal(false, false), Some(&mismatch)),
        );
        assert!(good.contains("  ok one") && bad.contains("  FAILED one"));
        assert!(good.is_ascii() && bad.is_ascii());
    }

    #[test]
    fn only_a_terminal_that_wants_them_gets_escape_sequences() {
        assert!(written(terminal(true, true), None).contains('\u{1b}'));
        for look in [terminal(true, false), Look::Log, Look::Json] {
            assert!(!written(look, None).contains('\u{1b}'), "{look:?}");
        }
    }

    #[test]
    fn logs_and_machines_get_nothing_but_lines_and_objects() {
        assert_eq!(
            written(Look::Log, None),
            "ok      one: a request -> its answer\nAll 1 steps held, in 0.5 s.\n"
        );
        assert_eq!(written(Look::Json, None).lines().nth(1), Some(r#"{"held":1,"of":1}"#));
    }
}
