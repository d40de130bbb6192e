//! `target/bench/report.json` (on AWS-LC `report-aws-lc.json`): the rows, and the machine that they were measured on.

use std::fs;
use std::thread::available_parallelism;

use serde_json::{Value, json};

use crate::row::Row;

/// What figures depend on.
pub(crate) async fn machine() -> Value {
    let database = portcullis_test_support::postgres().await;
    let pool = sqlx::PgPool::connect(database.url()).await.expect("a database");
    let postgres: String =
        sqlx::query_scalar("SHOW server_version").fetch_one(&pool).await.expect("it has a version");
    pool.close().await;
    json!({
        "cores": available_parallelism().map_or(0, usize::from),
        "cpu": cpu(),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "openssl": openssl::version::version(),
        "postgres": postgres,
    })
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, model) = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(model.trim().to_owned())
}

/// Writes it.
pub(crate) fn write(machine: &Value, rows: &[Row]) {
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    let report = json!({ "machine": machine, "rows": rows });
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench");
    fs::create_dir_all(folder).expect("the folder can be made");
    let text = serde_json::to_string_pretty(&report).expect("a report is JSON");
    let name = if cfg!(feature = "aws-lc") { "report-aws-lc" } else { "report" };
    fs::write(format!("{folder}/{name}.json"), text).expect("the report can be written");
}
