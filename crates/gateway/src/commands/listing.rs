//! A list that came in pages, told.

use serde_json::{Value, json};

use super::output::Output;
use super::remote::Listed;
use super::table::Table;
use super::terminal;

/// People get `table`, or `none` where it would be empty, and how to go on where there is more.
/// Machines get what the API says of a page, under `name`.
pub(super) fn tell(name: &str, table: Table, listed: Listed, none: &str, output: &mut Output) {
    let Listed { entries, next } = listed;
    if output.for_machines() {
        return output.result("", &json!({ name: entries, "next": next }));
    }
    if entries.is_empty() {
        return output.note(none);
    }
    output.result(&table.render(terminal::width(), 0), &Value::Null);
    if let Some(next) = next {
        let (shown, next) = (entries.len(), terminal::plain(&next));
        output.note(&format!("{shown} shown, there are more: --limit N, or --after {next}"));
    }
}
