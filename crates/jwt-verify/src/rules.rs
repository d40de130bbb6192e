//! Rules over verified claims: who may do what, written down so that it can be read, and explained
//! comparison by comparison.
//!
//! A rule holds where every claim that it names meets its condition; of a list of rules the first one
//! that holds is the one that counts. A condition is a pattern, a boolean, a whole number, or a list of
//! these of which one has to fit. Types are part of it: the text `"true"` and the value `true` are
//! two things (GitLab's `ref_protected` is a text), as are `"20"` and `20`. Where a claim is a list
//! itself, such as `groups`, one of its elements has to fit. Claims are named as they stand at the
//! top of the payload; there are no paths into nested ones, and a dot in a name is a dot.

mod claims;
mod condition;
mod pattern;
mod trace;

use serde_json::{Map, Value};

use crate::VerifiedClaims;
pub use claims::{Claims, RuleError};
pub use condition::{Condition, ConditionError};
pub use pattern::{Pattern, PatternError};
pub use trace::{Comparison, Trace, Verdict, shown};

/// A rule and what comes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule<T> {
    /// Whom it is for.
    pub claims: Claims,
    /// What they get.
    pub outcome: T,
}

/// Rules in their order. The first one that holds counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules<T>(Vec<Rule<T>>);

impl<T> Rules<T> {
    /// These, in this order.
    pub fn new(rules: impl IntoIterator<Item = Rule<T>>) -> Self {
        Self(rules.into_iter().collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &Rule<T>> {
        self.0.iter()
    }

    /// Names that are not among the known ones, each with its rule, counted from 1: most likely misspelt.
    pub fn unknown_claims<'a>(
        &'a self,
        known: &'a [&str],
    ) -> impl Iterator<Item = (usize, &'a str)> {
        self.0.iter().enumerate().flat_map(move |(place, rule)| {
            rule.claims.unknown(known).map(move |name| (place + 1, name))
        })
    }

    /// What comes of verified claims: the outcome of the first rule that holds, if one does.
    pub fn decide(&self, claims: &VerifiedClaims) -> Option<&T> {
        let claims = claims.members();
        self.0.iter().find(|rule| rule.claims.hold(claims)).map(|rule| &rule.outcome)
    }

    /// Every comparison of the rules up to that one, on any claims: of verified ones
    /// [`VerifiedClaims::members`]. It hands out no outcome: claims that nobody verified are anybody's.
    pub fn explain(&self, claims: &Map<String, Value>) -> Trace {
        self.look(claims).1
    }

    fn look(&self, claims: &Map<String, Value>) -> (Option<&T>, Trace) {
        let mut trace = Trace::default();
        for (rule, Rule { claims: wanted, outcome }) in self.0.iter().enumerate() {
            if wanted.compare(rule, claims, &mut trace) {
                trace.decided_by(rule);
                return (Some(outcome), trace);
            }
        }
        (None, trace)
    }
}

#[cfg(test)]
mod tests;
