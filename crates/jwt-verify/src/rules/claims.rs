//! What one rule asks of claims.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

use super::condition::{Condition, ConditionError};
use super::trace::{Comparison, Trace, Verdict};

/// Claims by name, each with its condition. One without any holds for everybody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims(BTreeMap<String, Condition>);

/// Which claim's condition cannot be meant, and why.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{claim:?}: {why}")]
pub struct RuleError {
    /// The claim's name.
    pub claim: String,
    /// What is wrong.
    pub why: ConditionError,
}

impl Claims {
    /// What each named claim has to meet.
    pub fn new(conditions: impl IntoIterator<Item = (String, Condition)>) -> Self {
        Self(conditions.into_iter().collect())
    }

    /// The same from configuration: a text, a boolean, a whole number, or a list of these for each name.
    pub fn parse(conditions: impl IntoIterator<Item = (String, Value)>) -> Result<Self, RuleError> {
        let mut parsed = Self::default();
        conditions.into_iter().try_for_each(|(claim, value)| parsed.add(claim, value))?;
        Ok(parsed)
    }

    fn add(&mut self, claim: String, value: Value) -> Result<(), RuleError> {
        match (self.0.entry(claim), Condition::try_from(value)) {
            (Entry::Vacant(place), Ok(condition)) => {
                place.insert(condition);
                Ok(())
            }
            (Entry::Vacant(place), Err(why)) => Err(RuleError { claim: place.into_key(), why }),
            (Entry::Occupied(place), _) => {
                Err(RuleError { claim: place.key().clone(), why: ConditionError::Twice })
            }
        }
    }

    /// Each named claim and what it has to meet, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Condition)> {
        self.0.iter().map(|(name, condition)| (name.as_str(), condition))
    }

    /// The names that are not among the known ones: most likely misspelt, and never met.
    pub fn unknown<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> + 'a {
        self.0.keys().map(String::as_str).filter(|name| !known.contains(name))
    }

    /// Whether every named claim meets its condition.
    pub(super) fn hold(&self, claims: &Map<String, Value>) -> bool {
        self.0.iter().all(|(name, condition)| condition.fits(claims.get(name)))
    }

    /// Compares every named claim, also where one differs already: whoever asks why wants to see all
    /// that differs.
    pub(super) fn compare(
        &self,
        rule: usize,
        claims: &Map<String, Value>,
        trace: &mut Trace,
    ) -> bool {
        let mut holds = true;
        for (name, condition) in &self.0 {
            let verdict = condition.judge(claims.get(name));
            holds &= verdict == Verdict::Matched;
            trace.add(Comparison::new(rule, name, condition, claims.get(name), verdict));
        }
        holds
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

/// Reads member by member: what is there twice is an error, and not the last of both.
struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("claims by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::default();
        while let Some((claim, value)) = map.next_entry()? {
            claims.add(claim, value).map_err(A::Error::custom)?;
        }
        Ok(claims)
    }
}
