//! What came of a report, told.

use serde_json::{Value, json};

use super::send::Trouble;
use super::tally::{Counts, Tally};
use crate::cli::ReportFormat;
use crate::commands::output::Output;
use crate::commands::table::Table;
use crate::commands::terminal;
use crate::error::StartError;

/// A column, and what it counts; those that are seldom more than 0 are shown where they are.
struct Column {
    heading: &'static str,
    seldom: bool,
    count: fn(&Counts) -> u64,
}

const COLUMNS: [Column; 7] = [
    Column { heading: "FOUND", seldom: false, count: |counts| counts.found },
    Column { heading: "NO SECRET", seldom: false, count: |counts| counts.without_secret },
    Column { heading: "NOT OFFERED", seldom: false, count: |counts| counts.not_offered },
    Column { heading: "REPEATED", seldom: true, count: |counts| counts.repeated },
    Column { heading: "SENT", seldom: false, count: |counts| counts.sent },
    Column { heading: "REJECTED", seldom: false, count: |counts| counts.rejected },
    Column { heading: "UNDELIVERED", seldom: true, count: |counts| counts.undelivered },
];

pub(super) fn tell(
    tally: &Tally,
    trouble: &Trouble,
    format: ReportFormat,
    dry_run: bool,
    output: &mut Output,
) {
    if output.for_machines() {
        return output.result("", &document(tally, trouble, format, dry_run));
    }
    let (types, all) = tally.told();
    if types.is_empty() {
        output.note("nothing was found");
    } else {
        output.result(&table(&types, all, dry_run).render(terminal::width(), 0), &Value::Null);
    }
    for ((token_type, code), count) in &trouble.rejected {
        let text = format!("{count} of {token_type} ({code})");
        output.failure(&StartError::new("rejected", terminal::plain(&text)));
    }
    if let Some(error) = &trouble.ended {
        let text = format!("{} were not delivered: {}: {error}", all.undelivered, error.code());
        output.failure(&StartError::new("undelivered", text));
    }
}

fn table(types: &std::collections::BTreeMap<&str, Counts>, all: Counts, dry_run: bool) -> Table {
    let columns = COLUMNS.iter().filter(|column| !column.seldom || (column.count)(&all) > 0);
    let columns: Vec<&Column> = columns.collect();
    let heading = |column: &&Column| match column.heading {
        "SENT" if dry_run => "WOULD SEND",
        heading => heading,
    };
    let headings: Vec<_> = std::iter::once("TYPE").chain(columns.iter().map(heading)).collect();
    let mut table = Table::new(&headings);
    let mut push = |name: &str, counts: &Counts| {
        let cells = columns.iter().map(|column| (column.count)(counts).to_string());
        let cells: Vec<String> = std::iter::once(name.to_owned()).chain(cells).collect();
        table.push(&cells);
    };
    for (name, counts) in types {
        push(if name.is_empty() { "(without a type)" } else { name }, counts);
    }
    if types.len() > 1 {
        push("all", &all);
    }
    table
}

fn document(tally: &Tally, trouble: &Trouble, format: ReportFormat, dry_run: bool) -> Value {
    let (types, all) = tally.told();
    let types = types.iter().map(|(name, counts)| {
        let mut one = json!(counts);
        one["type"] = json!(name);
        one
    });
    let rejected = trouble.rejected.iter().map(
        |((token_type, code), count)| json!({ "type": token_type, "code": code, "count": count }),
    );
    json!({
        "format": format.name(),
        "dry_run": dry_run,
        "types": types.collect::<Vec<_>>(),
        "all": all,
        "rejected": rejected.collect::<Vec<_>>(),
        "error": trouble.ended.as_ref().map(|error| {
            json!({ "code": error.code(), "text": error.to_string() })
        }),
    })
}
