//! The databases that tests stand on.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_test_support::{Cluster, postgres};
use sqlx::{Connection as _, Executor as _, PgConnection};

async fn execute(url: &str, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sql).await?;
    connection.close().await
}

#[tokio::test]
async fn two_tests_have_two_databases() {
    let (one, other) = (postgres().await, postgres().await);
    assert_ne!(one.url(), other.url());
    execute(one.url(), "CREATE TABLE mine (id int)").await.unwrap();
    execute(one.url(), "SELECT * FROM mine").await.unwrap();
    let error = execute(other.url(), "SELECT * FROM mine").await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_dropped_database_is_gone_though_it_was_in_use() {
    let database = postgres().await;
    let url = database.url().to_owned();
    let _in_use = PgConnection::connect(&url).await.unwrap();
    drop(database);
    let error = PgConnection::connect(&url).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_back_where_it_was_with_what_it_had() {
    let mut cluster = Cluster::start();
    let (url, folder) = (cluster.url("postgres"), cluster.folder().to_owned());
    execute(&url, "CREATE TABLE kept (id int)").await.unwrap();

    for leave in [Cluster::stop, Cluster::crash] {
        leave(&mut cluster);
        let error = execute(&url, "SELECT 1").await.unwrap_err();
        assert!(matches!(error, sqlx::Error::Io(_)), "{error}");
        cluster.restart();
        assert_eq!(cluster.url("postgres"), url);
        execute(&url, "SELECT * FROM kept").await.unwrap();
    }

    drop(cluster);
    assert!(!folder.exists());
}

/// Tells a process that it is the one to be killed.
const VICTIM: &str = "PORTCULLIS_TEST_VICTIM";
const THIS_TEST: &str = "a_killed_process_leaves_nothing_behind";

#[test]
fn a_killed_process_leaves_nothing_behind() {
    #[expect(clippy::disallowed_methods, reason = "the two halves of one test")]
    if std::env::var_os(VICTIM).is_some() {
        let cluster = Cluster::start();
        println!("\nfolder={}", cluster.folder().display());
        std::thread::sleep(Duration::from_mins(2));
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS_TEST, "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
    let folder = lines.find_map(|line| Some(line.strip_prefix("folder=")?.to_owned()));
    let folder = folder.expect("the victim says where its cluster is");
    assert!(Path::new(&folder).join("data/postmaster.pid").exists());

    victim.kill().unwrap();
    victim.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while Path::new(&folder).exists() {
        assert!(Instant::now() < until, "{folder} is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
}
