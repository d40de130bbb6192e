//! What whoever looks at `/ready` and whoever keeps connections see of a gateway that leaves.

use std::path::Path;
use std::time::{Duration, Instant};

use portcullis_base::http::{ClientOptions, client};
use portcullis_chaos::{Place, Process, Setup};
use portcullis_test_support::{free_port, scratch_dir};
use serde_json::Value;

fn setup(directory: &Path) -> Setup {
    Setup {
        binary: env!("CARGO_BIN_EXE_portcullis").into(),
        place: Place::Sqlite,
        directory: directory.to_owned(),
        gitlab: format!("http://127.0.0.1:{}", free_port()),
        max_batch: 1000,
        call_timeout: Duration::from_secs(2),
        more: String::new(),
    }
}

async fn get(process: &Process, path: &str) -> reqwest::Result<reqwest::Response> {
    let http = client(&ClientOptions::default()).unwrap();
    http.get(format!("http://127.0.0.1:{}{path}", process.client().public_port())).send().await
}

/// Waits until it says that it is leaving.
async fn until_it_drains(process: &Process) {
    for _ in 0..200 {
        if !process.client().is_ready().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never said so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_that_it_leaves_and_serves_on_until_the_delay_is_over() {
    let directory = scratch_dir();
    // Enough for a handful of questions on a machine that stands still for a moment.
    let delay = Duration::from_secs(4);
    let mut process = Process::start_draining(setup(directory.path()), delay).await;
    let before = get(&process, "/health").await.unwrap();
    assert!(!before.headers().contains_key("connection"), "connections are kept");

    let told = Instant::now();
    process.terminate();
    until_it_drains(&process).await;
    let ready = get(&process, "/ready").await.unwrap();
    assert_eq!(
        (ready.status().as_u16(), &ready.headers()["retry-after"]),
        (503, &"5".parse().unwrap())
    );
    let problem: Value = ready.json().await.unwrap();
    assert_eq!(problem["code"], "draining");
    let health = get(&process, "/health").await.unwrap();
    assert_eq!(
        (health.status().as_u16(), health.headers()["connection"].to_str().unwrap()),
        (200, "close")
    );
    assert_eq!(process.client().answer(&["glpat-00000000000000000000".into()]).await.0, 204);
    process.wait_until_gone().await;
    assert!(told.elapsed() >= delay, "{:?}", told.elapsed());
    assert!(get(&process, "/health").await.unwrap_err().is_connect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_twice_leaves_at_once() {
    let directory = scratch_dir();
    let delay = Duration::from_mins(10);
    let mut process = Process::start_draining(setup(directory.path()), delay).await;
    process.terminate();
    until_it_drains(&process).await;
    process.terminate();
    process.wait_until_gone().await;
}
