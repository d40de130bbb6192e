//! The table of `make bench`.

#[path = "ratios/ingest.rs"]
mod ingest;
#[path = "ratios/pat.rs"]
mod pat;

use std::time::{Duration, Instant};

use serde_json::json;

/// One comparison.
struct Row {
    what: &'static str,
    ours: f64,
    baseline: f64,
    unit: &'static str,
    /// The ratio to reach, ours over baseline.
    bar: f64,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut rows = pat::rows();
    rows.extend(runtime.block_on(ingest::rows()));
    println!("{:<58} {:>12} {:>12} {:>7} {:>6}", "", "ours", "baseline", "ratio", "bar");
    for row in &rows {
        let ratio = row.ours / row.baseline;
        let mark = if ratio >= row.bar { "" } else { "  missed" };
        println!(
            "{:<58} {:>12.0} {:>12.0} {:>7.2} {:>6.2}{mark}  ({})",
            row.what, row.ours, row.baseline, ratio, row.bar, row.unit
        );
    }
    write_report(&rows);
}

fn write_report(rows: &[Row]) {
    let report: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "what": row.what,
                "unit": row.unit,
                "ours": row.ours,
                "baseline": row.baseline,
                "ratio": row.ours / row.baseline,
                "bar": row.bar,
            })
        })
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench");
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let text = serde_json::to_string_pretty(&report).expect("a report is JSON");
    std::fs::write(format!("{folder}/report.json"), text).expect("the report can be written");
}

/// The median of rates.
fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// How often a second `work` can be done: the median of nine rounds.
fn rate(mut work: impl FnMut()) -> f64 {
    let rounds = (0..9).map(|_| {
        let (begun, mut count) = (Instant::now(), 0_u32);
        while begun.elapsed() < Duration::from_millis(150) {
            (0..64).for_each(|_| work());
            count += 64;
        }
        f64::from(count) / begun.elapsed().as_secs_f64()
    });
    median(rounds.collect())
}
