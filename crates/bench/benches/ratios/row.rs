//! One comparison, and the table of all.

use serde_json::{Value, json};

/// One comparison.
pub(crate) struct Row {
    what: String,
    unit: &'static str,
    ours: f64,
    against: Against,
    note: String,
}

enum Against {
    /// What it costs without us, in the same unit, and the ratio to reach.
    Baseline { rate: f64, at_least: f64 },
    /// What it costs without us, to be seen beside it: nothing is to be reached.
    Shown(f64),
    /// What must not be exceeded.
    Bound(f64),
    /// Nothing: the figure is there to be known.
    Nothing,
}

impl Row {
    /// Rates: ours over the baseline's is to reach `at_least`.
    pub(crate) fn ratio(
        what: impl Into<String>,
        unit: &'static str,
        ours: f64,
        rate: f64,
        at_least: f64,
    ) -> Self {
        let against = Against::Baseline { rate, at_least };
        Self { what: what.into(), unit, ours, against, note: String::new() }
    }

    /// Rates side by side, without a bar.
    pub(crate) fn beside(
        what: impl Into<String>,
        unit: &'static str,
        ours: f64,
        rate: f64,
    ) -> Self {
        let against = Against::Shown(rate);
        Self { what: what.into(), unit, ours, against, note: String::new() }
    }

    /// A figure that is to stay within a bound.
    pub(crate) fn bound(
        what: impl Into<String>,
        unit: &'static str,
        ours: f64,
        at_most: f64,
    ) -> Self {
        Self {
            what: what.into(),
            unit,
            ours,
            against: Against::Bound(at_most),
            note: String::new(),
        }
    }

    /// A figure alone.
    pub(crate) fn figure(what: impl Into<String>, unit: &'static str, ours: f64) -> Self {
        Self { what: what.into(), unit, ours, against: Against::Nothing, note: String::new() }
    }

    /// With what else was seen.
    pub(crate) fn noting(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    fn ratio_to_baseline(&self) -> Option<f64> {
        match self.against {
            Against::Baseline { rate, .. } | Against::Shown(rate) => Some(self.ours / rate),
            Against::Bound(_) | Against::Nothing => None,
        }
    }

    /// `None` where nothing is to be met.
    fn is_met(&self) -> Option<bool> {
        match self.against {
            Against::Baseline { rate, at_least } => Some(self.ours / rate >= at_least),
            Against::Bound(at_most) => Some(self.ours <= at_most),
            Against::Shown(_) | Against::Nothing => None,
        }
    }

    fn print(&self) {
        let (baseline, ratio, bar) = match self.against {
            Against::Baseline { rate, at_least } => {
                (figure(rate), format!("{:.2}", self.ours / rate), format!("≥ {at_least:.2}"))
            }
            Against::Shown(rate) => {
                (figure(rate), format!("{:.2}", self.ours / rate), String::new())
            }
            Against::Bound(at_most) => {
                (String::new(), String::new(), format!("≤ {}", figure(at_most)))
            }
            Against::Nothing => (String::new(), String::new(), String::new()),
        };
        let met = self.is_met().map_or("", |met| if met { "met" } else { "MISSED" });
        println!(
            "{:<62} {:>10} {baseline:>10} {ratio:>6} {bar:>8}  {met:<6}  {}",
            self.what,
            figure(self.ours),
            self.unit
        );
        if !self.note.is_empty() {
            println!("    {}", self.note);
        }
    }

    /// The same for machines.
    pub(crate) fn json(&self) -> Value {
        let (baseline, bar) = match self.against {
            Against::Baseline { rate, at_least } => {
                (Some(rate), json!({ "ratio_at_least": at_least }))
            }
            Against::Shown(rate) => (Some(rate), Value::Null),
            Against::Bound(at_most) => (None, json!({ "at_most": at_most })),
            Against::Nothing => (None, Value::Null),
        };
        json!({
            "what": self.what,
            "unit": self.unit,
            "ours": self.ours,
            "baseline": baseline,
            "ratio": self.ratio_to_baseline(),
            "bar": bar,
            "met": self.is_met(),
            "note": self.note,
        })
    }
}

/// The table.
pub(crate) fn print(rows: &[Row]) {
    println!("{:<62} {:>10} {:>10} {:>6} {:>8}", "", "ours", "baseline", "ratio", "bar");
    for row in rows {
        row.print();
    }
    let bars: Vec<bool> = rows.iter().filter_map(Row::is_met).collect();
    let met = bars.iter().filter(|met| **met).count();
    println!("{met} of {} bars met", bars.len());
}

/// No more digits than mean something.
fn figure(number: f64) -> String {
    if number.fract() == 0.0 || number >= 100.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    }
}
