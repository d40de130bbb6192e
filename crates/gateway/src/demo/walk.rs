//! Steps, and how they are gone through.

use std::fmt::Display;

use futures_util::future::LocalBoxFuture;

use super::sheet::Sheet;

/// A step in the world `W`: a real request or a few, and what must come of them. It writes into the
/// line what it sends before it sends it, so that a failure can tell.
pub(super) struct Step<W> {
    name: &'static str,
    run: Run<W>,
}

type Run<W> = for<'a> fn(&'a mut W, &'a mut Line) -> LocalBoxFuture<'a, Result<(), Mismatch>>;

/// The steps of one surface, in their order.
pub(super) struct Chapter<W> {
    pub(super) title: &'static str,
    pub(super) steps: Vec<Step<W>>,
}

/// What a step says of itself. Never a secret: types, names, and the first 8 hex digits of a
/// fingerprint.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) sent: String,
    pub(super) came: String,
}

/// What was expected of a step, and what came instead. Never a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub(super) expected: String,
    pub(super) came: String,
}

/// How a walk went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) held: usize,
    pub(super) of: usize,
}

impl Tally {
    /// Whether every step held.
    pub(super) fn all_held(self) -> bool {
        self.held == self.of
    }
}

impl<W> Step<W> {
    /// A step by this name.
    pub(super) fn new(name: &'static str, run: Run<W>) -> Self {
        Self { name, run }
    }
}

impl Line {
    pub(super) fn sent(&mut self, what: impl Into<String>) {
        self.sent = what.into();
    }

    pub(super) fn came(&mut self, what: impl Into<String>) {
        self.came = what.into();
    }
}

impl Mismatch {
    pub(super) fn new(expected: impl Display, came: impl Display) -> Self {
        Self { expected: expected.to_string(), came: came.to_string() }
    }
}

/// That `what` is as expected.
pub(super) fn equal<T: PartialEq + Display>(
    what: &str,
    came: T,
    expected: T,
) -> Result<(), Mismatch> {
    let with = |value: T| format!("{what} {value}");
    if came == expected { Ok(()) } else { Err(Mismatch::new(with(expected), with(came))) }
}

/// Goes through all steps and writes a line for each. Each stands on those before it, so the first
/// that fails is the last.
pub(super) async fn walk<W>(
    world: &mut W,
    chapters: &[Chapter<W>],
    sheet: &mut Sheet<'_>,
) -> Tally {
    let mut tally = Tally { held: 0, of: chapters.iter().map(|chapter| chapter.steps.len()).sum() };
    for chapter in chapters {
        sheet.chapter(chapter.title);
        for step in &chapter.steps {
            let mut line = Line::default();
            let result = (step.run)(world, &mut line).await;
            sheet.step(chapter.title, step.name, &line, result.as_ref().err());
            if result.is_err() {
                return tally;
            }
            tally.held += 1;
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sheet::Look;
    use futures_util::FutureExt as _;
    use std::future::ready;

    type Count = usize;

    fn good(count: &mut Count, line: &mut Line) -> Result<(), Mismatch> {
        *count += 1;
        line.sent("a request");
        line.came("its answer");
        equal("status", 204, 204)
    }

    fn bad(count: &mut Count, line: &mut Line) -> Result<(), Mismatch> {
        *count += 1;
        line.sent("another request");
        equal("status", 503, 204)
    }

    fn chapters(names: &[&'static str]) -> Vec<Chapter<Count>> {
        let step = |name: &&'static str| match *name {
            "bad" => Step::<Count>::new("bad", |count, line| ready(bad(count, line)).boxed_local()),
            name => Step::<Count>::new(name, |count, line| ready(good(count, line)).boxed_local()),
        };
        vec![Chapter { title: "A chapter", steps: names.iter().map(step).collect() }]
    }

    async fn walked(look: Look, names: &[&'static str]) -> (Tally, Count, String) {
        let (mut out, mut count) = (Vec::new(), 0);
        let tally = walk(&mut count, &chapters(names), &mut Sheet::new(look, &mut out)).await;
        (tally, count, String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn it_holds_when_every_step_does() {
        let (tally, count, text) = walked(Look::Log, &["one", "two"]).await;
        assert!(tally.all_held() && count == 2);
        assert_eq!(
            text,
            "ok      one: a request -> its answer\nok      two: a request -> its answer\n"
        );
    }

    #[tokio::test]
    async fn the_first_failure_says_what_was_expected_and_ends_it() {
        let (tally, count, text) = walked(Look::Log, &["one", "bad", "two"]).await;
        assert!(!tally.all_held());
        assert_eq!((tally, count), (Tally { held: 1, of: 3 }, 2));
        let last = "FAILED  bad: another request -> expected status 204, came status 503";
        assert_eq!(text.lines().last(), Some(last));
    }

    #[tokio::test]
    async fn machines_get_one_object_a_step() {
        let (_, _, text) = walked(Look::Json, &["one", "bad"]).await;
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines,
            [
                serde_json::json!({
                    "chapter": "A chapter", "step": "one", "ok": true,
                    "sent": "a request", "came": "its answer",
                }),
                serde_json::json!({
                    "chapter": "A chapter", "step": "bad", "ok": false,
                    "sent": "another request", "expected": "status 204", "came": "status 503",
                }),
            ]
        );
    }
}
