//! A report, read finding by finding.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeSeed as _;
use serde_json::error::Category;

use super::finding::Finding;
use super::gitlab::{About, Report};
use super::gitleaks::Leak;
use super::loose::Each;
use crate::cli::ReportFormat;
use crate::commands::terminal::plain;
use crate::error::StartError;

const BUFFER: usize = 256 * 1024;

/// A report that was opened.
pub(super) struct Opened {
    /// What people call it.
    pub(super) name: String,
    /// How long it is, where that is known.
    pub(super) length: Option<u64>,
    reader: Box<dyn Read>,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) format: ReportFormat,
    pub(super) warning: Option<String>,
}

impl Opened {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, StartError> {
        if path.as_os_str() == "-" {
            let name = "standard input".to_owned();
            return Ok(Self { name, length: None, reader: Box::new(io::stdin().lock()) });
        }
        let name = plain(&path.display().to_string());
        let bad = |error| StartError::new("report", format!("{name}: {error}"));
        let file = File::open(path).map_err(bad)?;
        let length = file.metadata().map_err(bad)?;
        let length = length.is_file().then_some(length.len());
        Ok(Self { name, length, reader: Box::new(file) })
    }

    /// Reads all of it; findings go to `found` as they come. `watch` stands between it and the
    /// file, to see how far it is.
    pub(super) fn read(
        self,
        format: Option<ReportFormat>,
        watch: impl FnOnce(Box<dyn Read>) -> Box<dyn Read>,
        found: &mut dyn FnMut(Finding),
    ) -> Result<Told, StartError> {
        let bad = |text: String| StartError::new("report", format!("{}: {text}", self.name));
        let mut reader = BufReader::with_capacity(BUFFER, watch(self.reader));
        let first = first_letter(&mut reader).map_err(|error| bad(error.to_string()))?;
        let format = format.or(match first {
            Some(b'{') => Some(ReportFormat::Gitlab),
            Some(b'[' | b'n') => Some(ReportFormat::Gitleaks),
            _ => None,
        });
        let none = || bad("is neither a report of GitLab nor of gitleaks: no JSON".to_owned());
        let format = format.ok_or_else(none)?;
        let warning = match format {
            ReportFormat::Gitlab => gitlab(reader, found),
            ReportFormat::Gitleaks => gitleaks(reader, found).map(|()| None),
        };
        Ok(Told { format, warning: warning.map_err(bad)? })
    }
}

/// Passes over a byte order mark and white space.
fn first_letter(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    loop {
        let buffer = reader.fill_buf()?;
        if let Some(at) = buffer.iter().position(|byte| !b" \t\r\n".contains(byte)) {
            let letter = buffer[at];
            reader.consume(at);
            return Ok(Some(letter));
        }
        match buffer.len() {
            0 => return Ok(None),
            all => reader.consume(all),
        }
    }
}

fn gitlab(reader: impl Read, found: &mut dyn FnMut(Finding)) -> Result<Option<String>, String> {
    let mut json = serde_json::Deserializer::from_reader(reader);
    let told = Report(found).deserialize(&mut json);
    let told = told.and_then(|about| json.end().map(|()| about));
    let About { version, other_scan, has_findings } =
        told.map_err(|error| reason(&error, ReportFormat::Gitlab))?;
    if let Some(scan) = other_scan {
        return Err(format!("is a report of the scan {}, not of secret_detection", plain(&scan)));
    }
    if !has_findings {
        return Err("is no report of GitLab: it has no vulnerabilities".to_owned());
    }
    let major = version.as_deref().and_then(|version| version.split('.').next());
    Ok(match (major, &version) {
        (Some("14" | "15") | None, _) | (_, None) => None,
        (Some(_), Some(version)) => Some(format!(
            "the report is of schema {}; it is read as one of 15, the newest known here",
            plain(version)
        )),
    })
}

fn gitleaks(reader: impl Read, found: &mut dyn FnMut(Finding)) -> Result<(), String> {
    let mut json = serde_json::Deserializer::from_reader(reader);
    let mut found = |leak: Leak| found(leak.into());
    let told = Each(&mut found).deserialize(&mut json).and_then(|()| json.end());
    told.map_err(|error| reason(&error, ReportFormat::Gitleaks))
}

/// The parser's own words would quote the report, and so a secret.
fn reason(error: &serde_json::Error, format: ReportFormat) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Io => format!("cannot be read ({})", io_cause(error)),
        Category::Syntax => format!("is not JSON (line {line}, column {column})"),
        Category::Eof => format!("ends too early (line {line}, column {column})"),
        Category::Data => {
            let name = format.name();
            format!("is no {name} report (line {line}, column {column})")
        }
    }
}

fn io_cause(error: &serde_json::Error) -> String {
    error.io_error_kind().map_or_else(|| "unknown".to_owned(), |kind| kind.to_string())
}
