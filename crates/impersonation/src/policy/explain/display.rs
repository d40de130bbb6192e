//! An explanation, for people.

use std::fmt;

use portcullis_jwt_verify::rules::{Comparison, Verdict};

use super::{ExplainedRule, Explanation, Granted};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The job, by its claims:")?;
        for (name, value) in &self.job {
            writeln!(f, "  {name:<17} {}", value.as_deref().unwrap_or("-"))?;
        }
        match &self.misfit {
            None => writeln!(f, "Are they as GitLab writes them? yes")?,
            Some(text) => writeln!(f, "Are they as GitLab writes them? no: {text}")?,
        }
        writeln!(f, "Is it a fork's? {}", self.fork)?;
        self.rules(f)?;
        if !self.open.is_empty() {
            writeln!(f, "Only known when a token is asked for:")?;
        }
        for point in &self.open {
            writeln!(f, "  {point}")?;
        }
        match (&self.granted, &self.refused) {
            (Some(granted), _) => write!(f, "granted: {granted}"),
            (None, Some(refused)) => write!(f, "refused: {}: {}", refused.code, refused.text),
            (None, None) => Ok(()),
        }
    }
}

impl Explanation {
    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(default) = &self.default {
            return writeln!(f, "There are no rules: every admissible job gets {default}");
        }
        for rule in &self.rules {
            write!(f, "{rule}")?;
        }
        if !self.rules.iter().any(|rule| rule.holds) {
            writeln!(f, "No rule holds, so nothing is granted")?;
        }
        match self.not_asked {
            0 => Ok(()),
            1 => writeln!(f, "One more rule is not asked: the first that holds counts"),
            more => writeln!(f, "{more} more rules are not asked: the first that holds counts"),
        }
    }
}

impl fmt::Display for ExplainedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, grants, .. } = self;
        if self.holds {
            writeln!(f, "Rule {rule} holds, and grants {grants}")?;
        } else {
            writeln!(f, "Rule {rule} does not hold")?;
        }
        if self.comparisons.is_empty() {
            writeln!(f, "  it asks nothing: it is for every job")?;
        }
        for comparison in &self.comparisons {
            let mark = if Self::fits(comparison) { "yes" } else { "NO " };
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
