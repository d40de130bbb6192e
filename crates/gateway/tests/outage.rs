//! A database that cannot take any more: the caller hears 503, never a false 204, and what was
//! acknowledged is there afterwards.

use std::path::Path;
use std::time::Duration;

use portcullis_chaos::{
    Evidence, Leaving, NightOptions, Place, Process, Proxy, Setup, Step, go_through,
};
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenState};
use portcullis_test_support::{Cluster, free_port, scratch_dir};

fn tokens(round: usize) -> Vec<String> {
    (0..200).map(|n| format!("glpat-{round:010}x{n:016}")).collect()
}

/// With a GitLab that nobody reaches: what is reported stays in the queue.
fn setup(place: Place, directory: &Path) -> Setup {
    Setup {
        binary: env!("CARGO_BIN_EXE_portcullis").into(),
        place,
        directory: directory.to_owned(),
        gitlab: format!("http://127.0.0.1:{}", free_port()),
        max_batch: 1000,
        call_timeout: Duration::from_secs(2),
        more: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_loses_nothing() {
    let directory = scratch_dir();
    // No file of the process may grow beyond 2 MiB; the system then refuses to write, as it does
    // where the disk is full.
    let setup = setup(Place::Sqlite, directory.path());
    let mut process = Process::start_limited(setup, 2048).await;
    let reporter = process.client().clone();
    let mut acknowledged = 0;
    let mut refused = None;
    for round in 0..200 {
        let (status, retry_after) = reporter.answer(&tokens(round)).await;
        if status != 204 {
            refused = Some((status, retry_after));
            break;
        }
        acknowledged += 200;
    }
    let (status, retry_after) = refused.expect("two mebibytes fill up");
    assert_eq!(status, 503);
    assert!(retry_after, "it says when to come back");
    assert!(acknowledged > 0, "there was room for something");
    assert!(process.client().is_healthy().await, "it lives on");
    for round in 300..310 {
        assert_eq!(reporter.answer(&tokens(round)).await, (503, true), "and goes on saying so");
    }

    process.lift_limit();
    // What waits for the audit log is written first.
    let mut room = 503;
    for _ in 0..100 {
        room = reporter.answer(&tokens(1_000)).await.0;
        if room != 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(room, 204, "there is room again");
    process.kill();
    process.start_again().await;
    // The report for whose entry in the audit log there was no room may be there, too.
    let pending = process.client().count_ends().await["pending"];
    assert!([200, 400].map(|more| acknowledged + more).contains(&pending), "{pending}");
    assert_eq!(reporter.answer(&tokens(1_001)).await.0, 204);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_place_for_its_log_it_works_on() {
    let directory = scratch_dir();
    let gitlab = FakeGitlab::start();
    let setup = Setup { gitlab: gitlab.url().into(), ..setup(Place::Sqlite, directory.path()) };
    let process = Process::start_without_a_log(setup).await;
    // A failure first: the lines of a worker that does not get on are the loud ones.
    gitlab.fault_next(3, Fault::Status { status: 500, retry_after: None });
    let leaked = tokens(1);
    gitlab.add_tokens(leaked.iter().map(String::as_str));
    assert_eq!(process.client().answer(&leaked).await.0, 204);
    let dead = || leaked.iter().all(|token| gitlab.state(token) == Some(TokenState::Revoked));
    for _ in 0..300 {
        if dead() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(dead(), "every one of them");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_may_go_and_come_back() {
    let directory = scratch_dir();
    let mut cluster = Cluster::start();
    let place = Place::Postgres(cluster.url("postgres"));
    let process = Process::start(setup(place, directory.path())).await;
    let reporter = process.client().clone();
    assert_eq!(reporter.answer(&tokens(1)).await.0, 204);

    cluster.stop();
    for _ in 0..3 {
        assert_eq!(reporter.answer(&tokens(2)).await, (503, true));
    }
    assert!(process.client().is_healthy().await, "it lives on");
    assert!(!process.client().is_ready().await, "and says that it cannot work");

    cluster.restart();
    let mut taken = false;
    for _ in 0..100 {
        if reporter.answer(&tokens(3)).await.0 == 204 {
            taken = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(taken, "it works again without a restart");
    assert!(process.client().is_ready().await);
    let waiting = process.client().count_ends().await["pending"];
    assert!(waiting >= 400, "what was acknowledged is there: {waiting}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_may_fall_silent() {
    let directory = scratch_dir();
    let database = portcullis_test_support::postgres().await;
    let (proxy, url) = Proxy::before(database.url()).await;
    let place = Place::Postgres(url);
    let process = Process::start(setup(place, directory.path())).await;
    let reporter = process.client().clone();
    assert_eq!(reporter.answer(&tokens(1)).await.0, 204);

    proxy.freeze();
    assert!(!process.client().is_ready().await, "it says so, and does not hang");
    assert!(process.client().is_healthy().await, "it lives on");
    proxy.thaw();

    let mut taken = false;
    for _ in 0..30 {
        if process.client().is_ready().await && reporter.answer(&tokens(2)).await.0 == 204 {
            taken = true;
            break;
        }
    }
    assert!(taken, "the silent connections were given up");
    assert!(process.client().count_ends().await["pending"] >= 400);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_postgres_does_not_keep_it_from_stopping() {
    let directory = scratch_dir();
    let database = portcullis_test_support::postgres().await;
    let (proxy, url) = Proxy::before(database.url()).await;
    let place = Place::Postgres(url);
    let process = Process::start(setup(place, directory.path())).await;
    proxy.freeze();
    process.stop().await;
}

/// Under load, by two replicas: what needs the database is answered 503 with `Retry-After`, all else as ever, in
/// bounded time; and when it is back nothing is lost and nobody was started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_may_crash_and_fall_silent_under_load() {
    let evidence = Evidence::of_night("outage", 1, 2);
    let options = NightOptions {
        binary: env!("CARGO_BIN_EXE_portcullis").into(),
        from: None,
        replicas: 2,
        steps: vec![Step::Outage(Leaving::Crash), Step::Silence],
        short: true,
    };
    let night = go_through(&options, evidence.folder(), &|step| eprintln!("{step}")).await;
    assert!(night.is_good(), "\n{night}");
    assert!(
        night.failed("database crashed") > 0 && night.failed("database silent") > 0,
        "\n{night}"
    );
    evidence.discard();
}
