//! An explanation, for people.

use std::fmt;

use portcullis_jwt_verify::rules::{Comparison, Verdict};

use super::{ExplainedClaim, ExplainedRule, Explanation, Granted, Refused};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The job, by its claims:")?;
        for ExplainedClaim { claim, found } in &self.job {
            writeln!(f, "  {claim:<17} {}", found.as_deref().unwrap_or("-"))?;
        }
        writeln!(f)?;
        match &self.misfit {
            None => writeln!(f, "Are these claims as GitLab writes them? yes")?,
            Some(text) => writeln!(f, "Are these claims as GitLab writes them? no: {text}")?,
        }
        writeln!(f, "Does it run code of a fork? {}", self.fork)?;
        writeln!(f)?;
        self.rules(f)?;
        writeln!(f)?;
        if !self.open.is_empty() {
            writeln!(f, "Only known when a token is asked for:")?;
        }
        for point in &self.open {
            writeln!(f, "  {point}")?;
        }
        if !self.open.is_empty() {
            writeln!(f)?;
        }
        match (&self.granted, &self.refused) {
            (Some(granted), _) => write!(f, "Verdict: granted, {granted}"),
            (None, Some(Refused { code, text })) => {
                writeln!(f, "Verdict: refused, with the code {code}")?;
                write!(f, "The job is told: {text}")
            }
            (None, None) => Ok(()),
        }
    }
}

impl Explanation {
    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(default) = &self.default {
            return writeln!(
                f,
                "There are no rules: every job that is not refused before gets {default}"
            );
        }
        writeln!(f, "The rules, in their order; the first that holds counts:")?;
        let grants = if self.is_granted() { "grants" } else { "would grant" };
        for rule in &self.rules {
            if rule.holds {
                writeln!(f, "Rule {} holds, and {grants} {}", rule.rule, rule.grants)?;
            } else {
                writeln!(f, "Rule {} does not hold", rule.rule)?;
            }
            write!(f, "{rule}")?;
        }
        if !self.rules.iter().any(|rule| rule.holds) {
            writeln!(f, "No rule holds, so nothing is granted")?;
        }
        match self.not_asked {
            0 => Ok(()),
            1 => writeln!(f, "One more rule comes after it, and is not asked"),
            more => writeln!(f, "{more} more rules come after it, and are not asked"),
        }
    }
}

/// Its comparisons, each on a line.
impl fmt::Display for ExplainedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.comparisons.is_empty() {
            writeln!(f, "  it asks nothing: it is for every job")?;
        }
        for comparison in &self.comparisons {
            let mark = if comparison.verdict == Verdict::Matched { "yes" } else { "NO " };
            writeln!(f, "  {mark} {}", Line(comparison))?;
        }
        Ok(())
    }
}

/// One claim against one condition.
struct Line<'a>(&'a Comparison);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { claim, wanted, found, verdict, .. } = self.0;
        let found = found.as_deref().unwrap_or("nothing");
        match verdict {
            Verdict::Matched => write!(f, "{claim} is {found}, which fits {wanted}"),
            Verdict::Differs => write!(f, "{claim} is {found}, wanted is {wanted}"),
            Verdict::OtherType => {
                write!(f, "{claim} is {found}, of another type than the wanted {wanted}")
            }
            Verdict::Missing => write!(f, "{claim} is not there, wanted is {wanted}"),
        }
    }
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.lifetime_seconds == 1 { "second" } else { "seconds" };
        write!(f, "{} for {} {unit}", self.scopes.join(", "), self.lifetime_seconds)
    }
}
