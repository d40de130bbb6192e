//! Why a rule held, or did not.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::condition::Condition;

/// As much of a claim's value as is shown, in characters.
const SHOWN: usize = 200;

/// Every comparison that was made, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The comparisons.
    pub comparisons: Vec<Comparison>,
    /// The rule that held, counted from 1; none did where it is absent.
    pub decided_by: Option<usize>,
}

/// One claim against one condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The rule, counted from 1.
    pub rule: usize,
    /// The claim's name.
    pub claim: String,
    /// What it has to meet.
    pub wanted: String,
    /// What it is, as JSON, cut where it is long; absent where the token does not have it.
    pub found: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It fits.
    Matched,
    /// It does not.
    Differs,
    /// It has another JSON type than anything that would fit.
    OtherType,
    /// The token does not have the claim.
    Missing,
}

impl Comparison {
    pub(super) fn new(
        rule: usize,
        claim: &str,
        condition: &Condition,
        found: Option<&Value>,
        verdict: Verdict,
    ) -> Self {
        let (claim, wanted) = (claim.to_owned(), condition.to_string());
        Self { rule: rule + 1, claim, wanted, found: found.map(shown), verdict }
    }
}

/// A claim's value for people: JSON in plain ASCII, cut where it is long.
pub fn shown(value: &Value) -> String {
    let text = json_of(value);
    match text.get(..SHOWN) {
        Some(start) if text.len() > SHOWN => format!("{start}..."),
        _ => text,
    }
}

/// JSON in plain ASCII. What stands in a token is what anybody wrote there: it must not steer a terminal,
/// and a letter that only looks like another one has to show.
pub(super) fn json_of(value: &Value) -> String {
    let mut text = String::new();
    for letter in value.to_string().chars() {
        if matches!(letter, ' '..='~') {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                text += "\\u";
                text += &hex::encode(unit.to_be_bytes());
            }
        }
    }
    text
}

impl Trace {
    pub(super) fn add(&mut self, comparison: Comparison) {
        self.comparisons.push(comparison);
    }

    pub(super) fn decided_by(&mut self, rule: usize) {
        self.decided_by = Some(rule + 1);
    }
}

/// For people: a line a comparison; what the token says is in plain ASCII.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for comparison in &self.comparisons {
            writeln!(f, "{comparison}")?;
        }
        match self.decided_by {
            Some(rule) => write!(f, "rule {rule} holds"),
            None => write!(f, "no rule holds"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, claim, wanted, found, verdict } = self;
        let found = found.as_deref().unwrap_or("nothing");
        match verdict {
            Verdict::Matched => write!(f, "rule {rule}: {claim} is {found}, which fits {wanted}"),
            Verdict::Differs => write!(f, "rule {rule}: {claim} is {found}, not {wanted}"),
            Verdict::OtherType => {
                write!(f, "rule {rule}: {claim} is {found}, of another type than {wanted}")
            }
            Verdict::Missing => write!(f, "rule {rule}: {claim} is missing, wanted is {wanted}"),
        }
    }
}
