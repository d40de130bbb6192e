//! Ends against what was written down of the attempts: a write under a lease that had passed to another
//! shows here even where nobody looked between the two.

use crate::client::{Client, Made, Row};

/// What came of the look.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Rows that were claimed more than once, so that two could have written their end.
    pub(crate) rows: usize,
    /// What may not be.
    pub(crate) violations: Vec<String>,
}

/// Asks for the attempts at every row that more than one claim was made of.
pub(crate) async fn compare(client: &Client, rows: &[Row]) -> Compared {
    let mut compared = Compared::default();
    for row in rows.iter().filter(|row| row.attempts > 1) {
        compared.rows += 1;
        let wrong = match client.attempts(row).await {
            Ok(made) => wrong(row, made),
            Err(error) => Some(format!("its attempts cannot be read: {error}")),
        };
        let name = row.fingerprint.get(..8).unwrap_or_default();
        compared.violations.extend(wrong.map(|wrong| format!("{name}: {wrong}")));
    }
    compared
}

/// An attempt and the end that it brought are written in one statement, with one time.
fn wrong(row: &Row, mut made: Vec<Made>) -> Option<String> {
    made.sort_unstable_by_key(|made| made.lease);
    let ends = made.iter().filter(|made| made.outcome != "retry").count();
    if ends > 1 {
        return Some(format!("{ends} attempts ended it"));
    }
    let last = made.last()?;
    if last.outcome != row.state {
        return Some(format!("its last attempt is {}, the row {}", last.outcome, row.state));
    }
    (last.at != row.ended_at).then(|| "it ended at another time than its last attempt".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(attempts: &[(u64, &str, &str)]) -> Option<String> {
        let row = Row {
            fingerprint: "0123456789".into(),
            state: "revoked".into(),
            ended_at: Some("2".into()),
            attempts: 2,
        };
        let made = attempts.iter().map(|(lease, at, outcome)| Made {
            lease: *lease,
            at: Some((*at).into()),
            outcome: (*outcome).into(),
        });
        wrong(&row, made.collect())
    }

    #[test]
    fn an_end_is_that_of_its_last_attempt() {
        assert_eq!(told(&[(2, "2", "revoked")]), None);
        assert_eq!(told(&[(2, "2", "revoked"), (1, "1", "retry")]), None);
        for bad in [
            [(1, "1", "revoked"), (2, "2", "revoked")],
            [(1, "1", "retry"), (2, "2", "retry")],
            [(1, "2", "revoked"), (2, "3", "retry")],
            [(1, "1", "retry"), (2, "1", "revoked")],
        ] {
            assert!(told(&bad).is_some(), "{bad:?}");
        }
    }
}
