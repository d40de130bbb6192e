//! A policy as it stands, told back to the operator who wrote it.

use std::fmt;

use serde::Serialize;

use super::explain::Granted;
use super::{Grant, Policy};
use portcullis_jwt_verify::rules::Rule;

/// A policy, to be read back. [`Display`](fmt::Display) is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Every rule, in the order in which they are asked.
    pub rules: Vec<WrittenRule>,
    /// What a job gets that no rule holds for: nothing as soon as there is a rule.
    pub default: Option<Granted>,
    /// Whether jobs of forks get anything.
    pub allow_forks: bool,
    /// Whether jobs of administrators get anything.
    pub allow_admins: bool,
    /// Whether a JWT is good for one token only.
    pub single_use: bool,
}

/// One rule, to be read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenRule {
    /// Its place, counted from 1.
    pub rule: usize,
    /// All of these have to fit.
    pub claims: Vec<WrittenClaim>,
    /// What it grants.
    pub grants: Granted,
}

/// What a rule asks of one claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenClaim {
    /// The claim's name.
    pub claim: String,
    /// What it has to be.
    pub wanted: String,
}

impl WrittenRule {
    fn of((place, rule): (usize, &Rule<Grant>)) -> Self {
        let claim = |(claim, wanted): (&str, &dyn fmt::Display)| WrittenClaim {
            claim: claim.to_owned(),
            wanted: wanted.to_string(),
        };
        let claims = rule.claims.iter().map(|(name, condition)| claim((name, condition)));
        Self { rule: place + 1, claims: claims.collect(), grants: Granted::from(&rule.outcome) }
    }
}

impl Policy {
    /// The policy as it stands.
    pub fn written(&self) -> Written {
        let Self(options) = self;
        Written {
            rules: options.rules.iter().enumerate().map(WrittenRule::of).collect(),
            default: options.rules.is_empty().then(|| Granted::from(&options.default)),
            allow_forks: options.allow_forks,
            allow_admins: options.allow_admins,
            single_use: options.single_use,
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = |allowed| if allowed { "treated as others" } else { "refused" };
        writeln!(f, "Before any rule:")?;
        writeln!(f, "  jobs that run code of a fork are {}", fate(self.allow_forks))?;
        writeln!(f, "  jobs of administrators are {}", fate(self.allow_admins))?;
        let uses = if self.single_use { "one token" } else { "any number of tokens" };
        writeln!(f, "  a JWT is good for {uses}\n")?;
        if let Some(default) = &self.default {
            return write!(f, "There are no rules: every other job gets {default}");
        }
        writeln!(f, "The rules, in their order; the first that holds counts:")?;
        for rule in &self.rules {
            write!(f, "{rule}")?;
        }
        write!(f, "\nA job for which no rule holds gets nothing")
    }
}

impl fmt::Display for WrittenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Rule {} grants {}", self.rule, self.grants)?;
        if self.claims.is_empty() {
            writeln!(f, "  to every job")?;
        }
        for (place, WrittenClaim { claim, wanted }) in self.claims.iter().enumerate() {
            let joint = if place == 0 { "where" } else { "and  " };
            writeln!(f, "  {joint} {claim} is {wanted}")?;
        }
        Ok(())
    }
}
