//! What one claim has to meet.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::pattern::{Pattern, PatternError};
use super::trace::Verdict;

/// Alternatives, of which one has to fit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Condition(Vec<Wanted>);

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Text(Pattern),
    Truth(bool),
    Number(i64),
}

/// Why a value is no condition.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum ConditionError {
    /// The pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// There is no alternative: nothing could ever fit.
    #[error("a list of alternatives is not empty")]
    NoAlternative,
    /// Something else than a text, a boolean or a whole number.
    #[error("a condition is a text, true, false, a whole number, or a list of these")]
    Type,
}

impl TryFrom<Value> for Condition {
    type Error = ConditionError;

    fn try_from(value: Value) -> Result<Self, ConditionError> {
        let alternatives = match value {
            Value::Array(alternatives) => alternatives,
            one => vec![one],
        };
        if alternatives.is_empty() {
            return Err(ConditionError::NoAlternative);
        }
        alternatives.iter().map(wanted).collect::<Result<_, _>>().map(Self)
    }
}

fn wanted(value: &Value) -> Result<Wanted, ConditionError> {
    match value {
        Value::String(text) => Ok(Wanted::Text(text.parse()?)),
        Value::Bool(truth) => Ok(Wanted::Truth(*truth)),
        Value::Number(number) => number.as_i64().map(Wanted::Number).ok_or(ConditionError::Type),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(ConditionError::Type),
    }
}

impl Condition {
    /// Holds a claim, or each element of one that is a list, against the alternatives.
    pub(super) fn judge(&self, claim: Option<&Value>) -> Verdict {
        let Some(claim) = claim else { return Verdict::Missing };
        let elements = claim.as_array().map_or(std::slice::from_ref(claim), Vec::as_slice);
        let judged =
            || elements.iter().flat_map(|one| self.0.iter().map(|wanted| wanted.judge(one)));
        if judged().any(|verdict| verdict == Verdict::Matched) {
            Verdict::Matched
        } else if !elements.is_empty() && judged().all(|verdict| verdict == Verdict::OtherType) {
            Verdict::OtherType
        } else {
            Verdict::Differs
        }
    }
}

impl Wanted {
    fn judge(&self, value: &Value) -> Verdict {
        let fits = match (self, value) {
            (Self::Text(pattern), Value::String(text)) => pattern.matches(text),
            (Self::Truth(wanted), Value::Bool(truth)) => wanted == truth,
            // 20 and 20.0 are one number to JSON, and 20.5 is another.
            (Self::Number(wanted), Value::Number(number)) => number.as_i64() == Some(*wanted),
            _ => return Verdict::OtherType,
        };
        if fits { Verdict::Matched } else { Verdict::Differs }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, wanted) in self.0.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { " or " })?;
            match wanted {
                Wanted::Text(pattern) => write!(f, "{:?}", pattern.to_string())?,
                Wanted::Truth(truth) => write!(f, "{truth}")?,
                Wanted::Number(number) => write!(f, "{number}")?,
            }
        }
        Ok(())
    }
}
