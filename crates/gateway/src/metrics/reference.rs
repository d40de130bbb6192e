//! The reference of all metrics, for people: `docs/reference/metrics.md` is this text.

use super::list::{ALL, Described};

const HEAD: &str = "# Metrics: reference

<!-- Made from the table in crates/gateway/src/metrics/list.rs: `make reference` writes it anew. -->

What each is for, and how to scrape them: [metrics.md](../metrics.md). When to wake somebody:
[alerts.md](../alerts.md). Labels have values of the gateway's own or of its configuration, never what a caller
sends.

| metric | kind | labels | unit | what it says |
|---|---|---|---|---|
";

/// The page, in Markdown.
pub fn markdown() -> String {
    let row = |one: &&Described| {
        let labels: Vec<String> = one.labels.iter().map(|label| format!("`{label}`")).collect();
        let cells = [one.kind.name(), &labels.join(", "), one.unit, one.help].join(" | ");
        format!("| `{}` | {cells} |\n", one.name)
    };
    let rows: Vec<String> = ALL.iter().map(row).collect();
    HEAD.to_owned() + &rows.concat()
}

/// The names of all metrics as they stand in the text format.
pub fn names() -> Vec<(&'static str, &'static str)> {
    ALL.iter().map(|one| (one.name, one.kind.name())).collect()
}
