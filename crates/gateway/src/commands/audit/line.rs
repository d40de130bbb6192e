//! The lines of an export: what each says, and how it is read back to the byte.

use std::fmt::Write as _;

use portcullis_store::audit::{ChainRow, Row};
use serde::Deserialize;
use serde_json::Value;

use crate::pats::rfc3339;

/// What the MAC of an export is made for.
pub(super) const KIND: &str = "export";

/// A line as it is read.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Entry(Entry),
    Chain(Chain),
    Begin(Begin),
    End(End),
}

/// The first line.
#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    #[serde(rename = "portcullis_audit_export")]
    pub(super) _version: u32,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

/// In front of the entries of a chain.
#[derive(Debug, Deserialize)]
pub(super) struct Chain {
    number: i64,
    #[serde(with = "hex", rename = "chain")]
    id: Vec<u8>,
    checkpoint: Option<String>,
}

/// An entry without its text, which is not read here, since its MAC is of its very bytes.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    seq: i64,
    ms: i64,
    #[serde(with = "hex")]
    prev: Vec<u8>,
    #[serde(with = "hex")]
    mac: Vec<u8>,
    text: Option<String>,
}

/// The last line: a MAC of all lines before it.
#[derive(Debug, Deserialize)]
pub(super) struct End {
    pub(super) lines: u64,
    #[serde(rename = "end_mac")]
    pub(super) mac: String,
}

const ENTRY: &str = ",\"entry\":";

pub(super) fn chain(row: &ChainRow) -> String {
    let checkpoint =
        row.checkpoint.as_ref().map_or(Value::Null, |sealed| hex::encode(sealed).into());
    format!(
        "{{\"number\":{},\"chain\":\"{}\",\"checkpoint\":{checkpoint}}}\n",
        row.number,
        hex::encode(&row.chain)
    )
}

/// The entry comes last, as it is. One that is not JSON on one line is none of ours, and comes as a text.
pub(super) fn entry(row: &Row) -> String {
    let mut line = format!(
        "{{\"seq\":{},\"at\":\"{}\",\"ms\":{},\"prev\":\"{}\",\"mac\":\"{}\"",
        row.seq,
        rfc3339(row.at),
        row.at,
        hex::encode(&row.prev),
        hex::encode(&row.mac)
    );
    let fits =
        !row.entry.contains(['\n', '\r']) && serde_json::from_str::<Value>(&row.entry).is_ok();
    let _ = if fits {
        writeln!(line, "{ENTRY}{}}}", row.entry)
    } else {
        writeln!(line, ",\"text\":{}}}", Value::from(row.entry.as_str()))
    };
    line
}

impl Chain {
    pub(super) fn row(self) -> Option<ChainRow> {
        let checkpoint = self.checkpoint.map(hex::decode).transpose().ok()?;
        Some(ChainRow { number: self.number, chain: self.id, checkpoint })
    }
}

impl Entry {
    /// With the text of the line that it was read from.
    pub(super) fn row(self, line: &str) -> Option<Row> {
        let entry = match self.text {
            Some(text) => text,
            // In front of it stand numbers and hexadecimal digits alone.
            None => line.split_once(ENTRY)?.1.strip_suffix('}')?.to_owned(),
        };
        Some(Row { seq: self.seq, at: self.ms, entry, prev: self.prev, mac: self.mac })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_as_it_was_to_the_byte() {
        for text in [
            r#"{"event":"a","x": 1.0e2,"y":"\u00e4"}"#,
            r#"{"event":"a","entry":{"entry":[]}}"#,
            r#"{"a":1}  "#,
            "",
            "not JSON",
            "{\n}",
            "{}}",
        ] {
            let row = Row { seq: -1, at: 5, entry: text.into(), prev: vec![1], mac: vec![] };
            let line = entry(&row);
            assert_eq!(line.lines().count(), 1, "{line}");
            let Line::Entry(read) = serde_json::from_str(line.trim_end_matches('\n')).unwrap()
            else {
                panic!("{line}")
            };
            assert_eq!(read.row(line.trim_end_matches('\n')), Some(row), "{line}");
        }
    }
}
