//! The reference of the configuration, made of the example file and of what its readers say of each key.

use std::fmt::Write as _;

use portcullis_gateway::config::KnownKey;

const HEAD: &str = "\
# Every key of the configuration

Made by `make reference` from the code that reads the keys and from
[the example file](../../config/portcullis.example.toml), which a test holds against each other. How files, variables and
secrets work together is told in [Configuration](../configuration.md).

A key `x` that is a secret may be given as `x_file`, a list of them as `x_files`. A variable overrides each key:
`PORTCULLIS__` and the names of the sections and of the key, in capitals, with `__` between them.
";

/// A section of the example, or one of several of the same name.
struct Block<'e> {
    /// As the file has it: `[server]`, `[[auth.oidc]]`.
    header: &'e str,
    about: &'e str,
    rows: Vec<Row<'e>>,
}

struct Row<'e> {
    key: &'e str,
    value: &'e str,
    about: &'e str,
}

/// The page, of an example in which every key that there is has its line.
pub(crate) fn page(example: &str, known: &[KnownKey]) -> String {
    let mut page = HEAD.to_owned();
    for block in blocks(example) {
        // Providers of each kind have a block of their own.
        let kind = block.rows.iter().find(|row| row.key == "kind");
        let kind = kind.map(|row| format!(", of kind `{}`", row.value)).unwrap_or_default();
        let _ = write!(page, "\n## `{}`{kind}\n", block.header);
        if !block.about.is_empty() {
            let _ = write!(page, "\n{}\n", sentence(block.about));
        }
        page.push_str("\n| key | default | value | |\n|---|---|---|---|\n");
        for row in &block.rows {
            let (default, value) = told(block.header, row, known);
            let about = cell(row.about);
            let _ = writeln!(page, "| `{}` | {default} | {value} | {about} |", row.key);
        }
    }
    page
}

fn blocks(example: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in example.lines() {
        let line = line.strip_prefix("# or: ").or_else(|| line.strip_prefix('#')).unwrap_or(line);
        let (text, about) = divided(line);
        if text.starts_with('[') {
            blocks.push(Block { header: text, about, rows: Vec::new() });
        } else if text.starts_with(|c: char| c.is_ascii_lowercase())
            && let (Some(block), Some((key, value))) = (blocks.last_mut(), text.split_once(" = "))
        {
            block.rows.push(Row { key, value, about });
        }
    }
    blocks.retain(|block| !block.rows.is_empty());
    blocks
}

/// What stands before a comment, and the comment.
fn divided(line: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '#') => return (line[..at].trim(), line[at + 1..].trim()),
            _ => {}
        }
    }
    (line.trim(), "")
}

/// The default and what a value may be.
fn told(header: &str, row: &Row<'_>, known: &[KnownKey]) -> (String, String) {
    let section = match header.strip_prefix("[[") {
        Some(list) => format!("{}[]", list.trim_end_matches(']')),
        None => header.trim_matches(['[', ']']).to_owned(),
    };
    let shown = cell(row.value);
    let key = format!("{section}.{}", row.key);
    let find = |key: &str| known.iter().rev().find(|known| known.key == key);
    let secret = row.key.strip_suffix("_file").and_then(|key| find(&format!("{section}.{key}")));
    let Some(found) = find(&key).or(secret) else {
        let inside = format!("{key}.");
        let what = if known.iter().any(|known| known.key.starts_with(&inside)) {
            "a table"
        } else {
            "by a name of yours"
        };
        return (String::new(), format!("{what}: `{shown}`"));
    };
    let range = found.range.as_ref().map(|range| format!(", {range}")).unwrap_or_default();
    let what = format!("{}{range}", found.what);
    match found.default {
        Some(_) => (format!("`{shown}`"), what),
        None => (String::new(), format!("{what}: `{shown}`")),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str()).replace('<', "&lt;")
}
