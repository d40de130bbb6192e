//! A fresh gateway: how soon it is ready, and what it weighs.

use std::time::Duration;

use crate::database::Database;
use crate::measure::{median, millis, worst};
use crate::process::Gateway;
use crate::row::Row;

const STARTS: usize = 15;
const SETTLED: Duration = Duration::from_secs(5);

pub(crate) async fn rows() -> Vec<Row> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let database = Database::sqlite();
        let (gateway, time) = Gateway::start(&database.url(), None).await;
        times.push(millis(time));
        drop(gateway);
    }
    let start = Row::bound(
        format!("start on a fresh SQLite until /ready, the slowest of {STARTS}"),
        "ms",
        worst(&times),
        300.0,
    );
    vec![start.noting(format!("the median is {:.0} ms", median(times))), idle().await]
}

async fn idle() -> Row {
    let database = Database::sqlite();
    let (gateway, _) = Gateway::start(&database.url(), None).await;
    tokio::time::sleep(SETTLED).await;
    Row::bound("memory of an idle gateway on SQLite", "MiB", gateway.process.memory(), 30.0)
}
