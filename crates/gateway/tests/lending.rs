//! The crash matrix of the broker: it is killed at every place where it waits, or where two things are
//! done one after the other, while it lends a token, revokes one, or sweeps for one that nobody heard of.
//! Started again it leaves no token alive that is due or that nobody was given, and takes none from
//! anybody before it is due. Each row has a GitLab, a database and a process of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "lending/row.rs"]
mod row;
#[expect(dead_code, reason = "these tests need a part of it")]
mod support;

use portcullis_base::fault::Point;
use tokio::task::JoinSet;

use row::Death::{Asking, Given, Making, Revoking, Sweeping, SweepingAsking};
use row::{DELETE, LATE, LIST, MAKE, NEVER, Row, USER};

/// A row each, in the order of a token's way. What counts as seen at GitLab: how many tokens it made, how
/// many deletions it was asked for, and whether the token was planned to be revoked when it is due.
const MATRIX: [Row; 17] = [
    Row { death: Asking(USER, NEVER), made: 0, deletions: 0, planned: false },
    Row { death: Making(Point::Intended), made: 0, deletions: 0, planned: false },
    Row { death: Asking(MAKE, NEVER), made: 0, deletions: 0, planned: false },
    Row { death: Asking(MAKE, LATE), made: 1, deletions: 1, planned: false },
    Row { death: Making(Point::Created), made: 1, deletions: 1, planned: false },
    Row { death: Making(Point::IssueWritten), made: 1, deletions: 1, planned: false },
    Row { death: Making(Point::IssueCommitted), made: 1, deletions: 1, planned: true },
    Row { death: Given, made: 1, deletions: 1, planned: true },
    Row { death: Revoking(Point::Claimed), made: 1, deletions: 1, planned: true },
    Row { death: Asking(DELETE, NEVER), made: 1, deletions: 2, planned: true },
    Row { death: Revoking(Point::Called), made: 1, deletions: 2, planned: true },
    Row { death: Revoking(Point::SettleWritten), made: 1, deletions: 2, planned: true },
    Row { death: Revoking(Point::Settled), made: 1, deletions: 1, planned: true },
    Row { death: SweepingAsking(LIST), made: 1, deletions: 1, planned: false },
    Row { death: Sweeping(Point::OrphanFound), made: 1, deletions: 1, planned: false },
    Row { death: SweepingAsking(DELETE), made: 1, deletions: 2, planned: false },
    Row { death: Sweeping(Point::OrphanRevoked), made: 1, deletions: 1, planned: false },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_no_token_alive_on_sqlite() {
    survive(&MATRIX, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_no_token_alive_on_postgres() {
    // There ends are written in one statement, which has no middle.
    let middle = |row: &&Row| row.death != Revoking(Point::SettleWritten);
    let rows: Vec<Row> = MATRIX.iter().filter(middle).copied().collect();
    survive(&rows, true).await;
}

/// All rows at once: most of their time is spent waiting for what is due.
async fn survive(rows: &[Row], server: bool) {
    let mut running = JoinSet::new();
    for row in rows.iter().copied() {
        running.spawn(async move {
            let survived = tokio::spawn(row.survive(server)).await;
            survived.err().map(|error| format!("{:?}: {}", row.death, why(error)))
        });
    }
    let failed: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{} of {} rows:\n{}", failed.len(), rows.len(), failed.join("\n"));
}

fn why(error: tokio::task::JoinError) -> String {
    let panic = error.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

#[test]
fn every_point_of_a_lent_tokens_way_has_a_row() {
    let of_reports =
        [Point::KeyKept, Point::ReportSealed, Point::ReportWritten, Point::ReportCommitted];
    // These are met in `master_key.rs`.
    let of_keys =
        [Point::MasterKeyMade, Point::KeyRewrapped, Point::Resealed, Point::MasterKeyRetired];
    for point in Point::ALL {
        let rows = MATRIX.iter().filter(
            |row| matches!(row.death, Making(at) | Revoking(at) | Sweeping(at) if at == point),
        );
        // That point lies in the way of leaked tokens alone, as those of reports do.
        let of_leaks = of_reports.contains(&point) || point == Point::Asked;
        let elsewhere = of_leaks || of_keys.contains(&point);
        assert_eq!(rows.count(), usize::from(!elsewhere), "{}", point.name());
    }
}
