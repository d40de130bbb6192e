//! `portcullis audit verify`

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use portcullis_store::audit::verify::{Defect, Fault, Passed, Verifier, Walk};
use portcullis_store::audit::{AuditKey, Head};
use serde_json::{Value, json};

use super::line::{self, Line};
use super::{Opened, of_file};
use crate::audit::head::Heads;
use crate::commands::output::Output;
use crate::error::StartError;
use crate::pats::rfc3339;

/// Defects that are told one by one; more are only counted.
const TOLD: usize = 1000;

/// The longest line of an export, in bytes.
const LONGEST: u64 = 16 << 20;

/// Exit status where the log is not as it was written; 2 is that of a wrong command line.
const NOT_WHOLE: u8 = 3;

/// What was found to be wrong, told as it is found.
struct Found<'a> {
    output: &'a mut Output,
    bar: &'a ProgressBar,
    told: Vec<Value>,
    count: u64,
}

impl Found<'_> {
    fn take(&mut self, defect: &Defect) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.bar.suspend(|| self.output.progress(&in_words(defect)));
            self.told.push(for_machines(defect));
        }
    }
}

/// Proves the log of a database.
pub(super) async fn database(
    opened: &Opened,
    heads: &[PathBuf],
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let heads = read_heads(&opened.key, heads)?;
    let now = opened
        .store
        .audit_ends(&opened.key, 0, 100_000)
        .await
        .map_err(|e| StartError::of_store(&e))?;
    let entries = now.heads.iter().map(|head| head.seq.saturating_add(1));
    let expected = entries.fold(0, i64::saturating_add);
    let bar = bar(output, u64::try_from(expected).unwrap_or_default());
    let mut found = Found { output, bar: &bar, told: Vec::new(), count: 0 };
    let mut tell = |defect| found.take(&defect);
    let mut verifier = Verifier::new(&opened.key, &heads, &mut tell);
    let gone_along = opened.store.verify_audit(&mut verifier, &|entries| bar.inc(entries)).await;
    gone_along.map_err(|error| StartError::of_store(&error))?;
    let entries = verifier.entries;
    let passed = verifier.finish();
    bar.finish_and_clear();
    Ok(conclude(found, entries, &passed))
}

/// Proves an export.
pub(super) fn file(
    key: &AuditKey,
    heads: &[PathBuf],
    path: &Path,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let heads = read_heads(key, heads)?;
    let file = File::open(path).map_err(|error| of_file(path, &error))?;
    let length = file.metadata().map_or(0, |about| about.len());
    let bar = bar(output, length);
    let mut found = Found { output, bar: &bar, told: Vec::new(), count: 0 };
    let mut tell = |defect| found.take(&defect);
    let mut verifier = Verifier::new(key, &heads, &mut tell);
    let sealed = lines(key, &mut verifier, BufReader::new(file), &bar);
    let sealed = sealed.map_err(|error| of_file(path, &error))?;
    let entries = verifier.entries;
    let passed = verifier.finish();
    bar.finish_and_clear();
    if !sealed {
        found.count += 1;
        found.output.progress("the export itself was changed, or its end is missing");
        found.told.push(json!({ "fault": "export_changed" }));
    }
    Ok(conclude(found, entries, &passed))
}

/// Whether the MAC at the end is that of all lines before it.
fn lines(
    key: &AuditKey,
    verifier: &mut Verifier<'_>,
    mut reader: BufReader<File>,
    bar: &ProgressBar,
) -> std::io::Result<bool> {
    let (mut mac, mut count, mut partial) = (key.document(line::KIND), 0, false);
    let mut walk: Option<Walk> = None;
    let mut text = String::new();
    let bad = |count: u64| {
        let said = format!("line {} is none of an export", count + 1);
        std::io::Error::new(std::io::ErrorKind::InvalidData, said)
    };
    loop {
        text.clear();
        let length = reader.by_ref().take(LONGEST).read_line(&mut text)?;
        if length == 0 {
            verifier.pause_if(walk.take());
            return Ok(false);
        }
        bar.inc(length as u64);
        let line = text.trim_end_matches('\n');
        match serde_json::from_str(line).map_err(|_| bad(count))? {
            Line::Begin(begin) => partial = begin.since.is_some() || begin.until.is_some(),
            Line::Chain(chain) => {
                verifier.pause_if(walk.take());
                walk = verifier.chain(&chain.row().ok_or_else(|| bad(count))?, partial);
            }
            Line::Entry(entry) => {
                let row = entry.row(line).ok_or_else(|| bad(count))?;
                if let Some(walk) = &mut walk {
                    verifier.entry(walk, &row);
                }
            }
            Line::End(end) => {
                verifier.pause_if(walk.take());
                let rest = reader.read(&mut [0; 1])?;
                return Ok(rest == 0 && end.lines == count && end.mac == hex::encode(mac.end()));
            }
        }
        mac.add(text.as_bytes());
        count += 1;
    }
}

fn read_heads(key: &AuditKey, files: &[PathBuf]) -> Result<Vec<Head>, StartError> {
    let mut all = Vec::new();
    for path in files {
        let text = std::fs::read(path).map_err(|error| of_file(path, &error))?;
        all.extend(Heads::open(key, &text).map_err(|error| of_file(path, &error))?);
    }
    Ok(all)
}

fn bar(output: &Output, length: u64) -> ProgressBar {
    if output.for_machines() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("verifying  {wide_bar} {percent}%");
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn conclude(found: Found<'_>, entries: u64, passed: &[Passed]) -> ExitCode {
    let Found { output, told, count, .. } = found;
    for one in passed.iter().filter(|one| !one.closed) {
        let at = one.at.map(|at| format!(", {}", rfc3339(at))).unwrap_or_default();
        output.note(&format!(
            "chain {} has no closing entry: it is still written, or was cut off or killed after entry {}{at}",
            one.number, one.seq
        ));
    }
    let people = if count == 0 {
        format!("whole: {entries} entries in {} chain(s)", passed.len())
    } else {
        format!("NOT WHOLE: {count} defect(s) in {entries} entries of {} chain(s)", passed.len())
    };
    let chains: Vec<Value> = passed.iter().map(chain).collect();
    output.result(
        &people,
        &json!({ "whole": count == 0, "entries": entries, "defects_total": count,
            "defects": told, "chains": chains }),
    );
    if count == 0 { ExitCode::SUCCESS } else { ExitCode::from(NOT_WHOLE) }
}

fn chain(one: &Passed) -> Value {
    json!({
        "number": one.number,
        "chain": hex::encode(one.chain),
        "last": one.seq,
        "removed_by_retention": one.removed,
        "closed": one.closed,
        "at": one.at.map(rfc3339),
    })
}

fn for_machines(defect: &Defect) -> Value {
    let mut value = json!({
        "fault": defect.fault.name(),
        "number": defect.number,
        "chain": defect.chain.as_ref().map(hex::encode),
        "seq": defect.seq,
        "at": defect.at.map(rfc3339),
    });
    match &defect.fault {
        Fault::Missing { to }
        | Fault::Cut { to }
        | Fault::NoChains { to }
        | Fault::Hidden { to } => {
            value["to"] = (*to).into();
        }
        Fault::Moved { chain, seq } => {
            value["from"] = json!({ "chain": hex::encode(chain), "seq": seq });
        }
        _ => {}
    }
    value
}

fn in_words(defect: &Defect) -> String {
    let chain = match (defect.number, &defect.chain) {
        (Some(number), _) => format!("chain {number}"),
        (None, Some(chain)) => format!("chain {}", hex::encode(chain)),
        (None, None) => "a chain".to_owned(),
    };
    let place = match defect.seq {
        Some(seq) => format!("{chain}, entry {seq}"),
        None => chain,
    };
    let at = defect.at.map(|at| format!(" ({})", rfc3339(at))).unwrap_or_default();
    let what = match &defect.fault {
        Fault::Missing { to } => format!("missing, up to entry {to}"),
        Fault::Edited => "edited after it was written".to_owned(),
        Fault::Foreign => "not written by this log's key".to_owned(),
        Fault::Moved { chain, seq } => {
            format!(
                "moved or copied here: it was written as entry {seq} of chain {}",
                hex::encode(chain)
            )
        }
        Fault::Unlinked => "does not follow the entry before it".to_owned(),
        Fault::Repeated => "its number came before".to_owned(),
        Fault::Cut { to } => format!("cut off: entries up to {to} were there"),
        Fault::NoChain => "missing as a whole".to_owned(),
        Fault::NoChains { to } => format!("missing as a whole, with all up to chain {to}"),
        Fault::Rewritten => "not the entry that was there when a head was exported".to_owned(),
        Fault::Unregistered => "not registered".to_owned(),
        Fault::BadCheckpoint => "its checkpoint is forged".to_owned(),
        Fault::Misplaced => "was begun under another number, or behind another chain".to_owned(),
        Fault::Hidden { to } if defect.chain.is_none() => {
            format!("not registered, up to chain {to}, when the ends of the chains were named")
        }
        Fault::Hidden { .. } => "its end was not ours when the ends of the chains were named: \
            nobody can tell what was cut off before it was seen again"
            .to_owned(),
    };
    format!("{place}{at}: {what}")
}
