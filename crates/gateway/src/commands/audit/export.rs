//! `portcullis audit export`

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use portcullis_base::clock::to_ms;
use portcullis_store::audit::{ChainRow, Row, Snapshot};
use serde_json::json;
use time::OffsetDateTime;

use super::{Opened, line};
use crate::error::StartError;
use crate::pats::rfc3339;

/// Entries that are read at a time.
const PAGE: u32 = 1000;

/// Lines on their way out, and their MAC.
struct Lines<W> {
    out: W,
    mac: portcullis_store::audit::Running,
    count: u64,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: &str) -> io::Result<()> {
        self.mac.add(line.as_bytes());
        self.count += 1;
        self.out.write_all(line.as_bytes())
    }
}

/// Writes the log as it is now, or what lies between the two, to standard output.
pub(super) async fn run(
    opened: &Opened,
    since: Option<&OffsetDateTime>,
    until: Option<&OffsetDateTime>,
) -> Result<ExitCode, StartError> {
    let out = BufWriter::new(io::stdout());
    let mut lines = Lines { out, mac: opened.key.document(line::KIND), count: 0 };
    let between = (since.copied().map(to_ms), until.copied().map(to_ms));
    let begin = json!({
        "portcullis_audit_export": 1,
        "since": between.0.map(rfc3339),
        "until": between.1.map(rfc3339),
    });
    lines.write(&format!("{begin}\n")).map_err(unwritten)?;
    let snapshot = opened.store.audit_snapshot().await;
    let mut snapshot = snapshot.map_err(|error| StartError::of_store(&error))?;
    let mut after = 0;
    loop {
        let chains = snapshot.chains(after, PAGE).await.map_err(|e| StartError::of_store(&e))?;
        let Some(last) = chains.last() else { break };
        after = last.number;
        for chain in &chains {
            export(&mut snapshot, chain, between, &mut lines).await?;
        }
    }
    snapshot.close().await;
    let Lines { mut out, mac, count } = lines;
    let end = json!({ "lines": count, "end_mac": hex::encode(mac.end()) });
    writeln!(out, "{end}").and_then(|()| out.flush()).map_err(unwritten)?;
    Ok(ExitCode::SUCCESS)
}

async fn export<W: Write>(
    snapshot: &mut Snapshot,
    chain: &ChainRow,
    (since, until): (Option<i64>, Option<i64>),
    lines: &mut Lines<W>,
) -> Result<(), StartError> {
    lines.write(&line::chain(chain)).map_err(unwritten)?;
    let inside = |row: &&Row| {
        since.is_none_or(|since| row.at >= since) && until.is_none_or(|until| row.at <= until)
    };
    let mut after = i64::MIN;
    loop {
        let rows = snapshot.entries(&chain.chain, after, PAGE).await;
        let rows = rows.map_err(|error| StartError::of_store(&error))?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.seq;
        for row in rows.iter().filter(inside) {
            lines.write(&line::entry(row)).map_err(unwritten)?;
        }
    }
}

fn unwritten(error: io::Error) -> StartError {
    StartError::new("output", error)
}
