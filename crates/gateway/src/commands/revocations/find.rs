//! From the digits that somebody typed to the one row that they mean.

use serde_json::Value;

use super::Row;
use crate::cli::Beginning;
use crate::commands::remote::{Remote, RemoteError};
use crate::commands::terminal::plain;

/// As many digits as logs print.
const FEWEST: usize = 8;

/// So many are named where several are meant.
const NAMED: usize = 10;

/// The fingerprint that begins so; an error where none does, or several do.
pub(super) async fn one(remote: &Remote, beginning: &Beginning) -> Result<String, RemoteError> {
    let digits = beginning.as_str();
    let query = [("fingerprint", digits.to_owned()), ("limit", (NAMED + 1).to_string())];
    let mut page = remote.get(&["v1", "revocations"], &query).await?;
    let Value::Array(found) = page["revocations"].take() else {
        return Err(remote.not_ours(reqwest::StatusCode::OK));
    };
    let rows = found.iter().map(|row| remote.read(row));
    let mut rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    // Whatever answered: nobody's hand is laid on a row that was not named.
    rows.retain(|row| row.fingerprint.starts_with(digits));
    match rows.as_mut_slice() {
        [] => {
            let text = "no reported secret has a fingerprint that begins so".to_owned();
            Err(RemoteError::Naming { code: "not_found", text })
        }
        [only] => Ok(std::mem::take(&mut only.fingerprint)),
        several => Err(ambiguous(several)),
    }
}

fn ambiguous(rows: &[Row]) -> RemoteError {
    let digits = digits(rows.iter().map(|row| row.fingerprint.as_str()));
    let named = rows.iter().take(NAMED).map(|row| {
        let beginning: String = row.fingerprint.chars().take(digits).collect();
        plain(&format!("{beginning} ({})", row.state))
    });
    let mut named = named.collect::<Vec<_>>().join(", ");
    if rows.len() > NAMED {
        named.push_str(", and more");
    }
    RemoteError::Naming { code: "ambiguous", text: format!("several begin so: {named}") }
}

/// How many digits tell these fingerprints apart.
pub(super) fn digits<'a>(fingerprints: impl Iterator<Item = &'a str>) -> usize {
    let mut all: Vec<&str> = fingerprints.collect();
    all.sort_unstable();
    let alike =
        |pair: &[&str]| pair[0].chars().zip(pair[1].chars()).take_while(|(a, b)| a == b).count();
    all.windows(2).map(|pair| alike(pair) + 1).max().unwrap_or(0).max(FEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_digits_as_tell_them_apart() {
        assert_eq!(digits(std::iter::empty()), 8);
        assert_eq!(digits(["0123456789"].into_iter()), 8);
        assert_eq!(digits(["01234567aa", "91234567aa"].into_iter()), 8);
        assert_eq!(digits(["01234567ab", "ff", "01234567aa"].into_iter()), 10);
    }
}
