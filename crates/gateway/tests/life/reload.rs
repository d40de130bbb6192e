//! SIGHUP.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis_test_support::scratch_dir;

use super::gateway::{Gateway, PAT_TYPE, write};

const AGAIN: &str = "the configuration was read again";
const REFUSED: &str = "the configuration cannot be taken over; nothing changes";
const RESTART: &str = "these keys need a restart";

const BEFORE: [&str; 2] = ["the-admin-token-of-before-01234", "the-reporting-token-of-before-0"];
const AFTER: [&str; 2] = ["the-admin-token-of-after-012345", "the-reporting-token-of-after-01"];

fn config(folder: &Path, [admin, reporter]: [&str; 2], filter: &str, more: &str) {
    let text = format!(
        "[log]\nfilter = \"{filter}\"\n[secrets]\nadmin_tokens = [\"{admin}\"]\n{more}\n\
         [[revocation_api.clients]]\nname = \"gitlab\"\ntoken_file = \"reporter\"\n"
    );
    write(&folder.join("reporter"), reporter);
    write(&folder.join("portcullis.toml"), &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_changed_is_and_the_rest_is_named() {
    let folder = scratch_dir();
    config(folder.path(), BEFORE, "info", "");
    let gateway = Gateway::start(folder.path()).await;
    assert!(!gateway.log().contains(" answered"), "a line of debug");
    gateway.signal("-HUP");
    gateway.said(AGAIN, 1).await;
    assert!(!gateway.log().contains(RESTART), "nothing has changed: {}", gateway.log());
    let more = "[server]\nworkers = 3\n[pat]\nmax_lifetime = \"365d\"";
    config(folder.path(), AFTER, "info,portcullis=debug,portcullis_web=debug", more);
    gateway.signal("-HUP");
    gateway.said(AGAIN, 2).await;
    gateway.said(RESTART, 1).await;
    let log = gateway.log();
    // The name of the file is the same: what it holds is another.
    let applied = "log.filter, revocation_api.clients[0].token_file, secrets.admin_tokens[0]";
    assert!(log.contains(applied), "{log}");
    let named = log.lines().find(|line| line.contains(RESTART)).unwrap();
    assert!(named.contains("server.workers"), "{named}");
    assert!(!named.contains("max_lifetime"), "that is its default: {named}");
    assert_eq!(gateway.administers(BEFORE[0]).await, 401);
    assert_eq!(gateway.administers(AFTER[0]).await, 200);
    assert_eq!(gateway.report_as(BEFORE[1], PAT_TYPE, "x").await, 401);
    assert_eq!(gateway.report_as(AFTER[1], PAT_TYPE, "x").await, 204);
    gateway.said(" answered", 1).await;
    // What waits for a restart is named until there is one.
    gateway.signal("-HUP");
    gateway.said(RESTART, 2).await;
    for secret in BEFORE.iter().chain(&AFTER) {
        assert!(!gateway.log().contains(secret));
    }
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_configuration_changes_nothing() {
    let folder = scratch_dir();
    config(folder.path(), BEFORE, "info", "");
    let gateway = Gateway::start(folder.path()).await;
    let good = AFTER;
    config(folder.path(), good, "info", "[revocation]\nconcurrency = 0\nretry_bse = \"1s\"");
    gateway.signal("-HUP");
    gateway.said(REFUSED, 1).await;
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains(REFUSED)).unwrap();
    for key in ["revocation.concurrency", "revocation.retry_bse"] {
        assert!(line.contains(key), "{line}");
    }
    // A key that lies in a file that is gone, a file that is none, and the data directory's secrets.
    config(folder.path(), good, "info", "");
    std::fs::remove_file(folder.path().join("reporter")).unwrap();
    gateway.signal("-HUP");
    gateway.said(REFUSED, 2).await;
    write(&folder.path().join("portcullis.toml"), "hunter2 hunter2");
    gateway.signal("-HUP");
    gateway.said(REFUSED, 3).await;
    config(folder.path(), good, "info", "");
    let secrets = folder.path().join("portcullis-data/secrets.toml");
    std::fs::rename(&secrets, folder.path().join("away")).unwrap();
    gateway.signal("-HUP");
    gateway.said(REFUSED, 4).await;
    assert!(!secrets.exists(), "no other master key is made under a gateway that works");
    std::fs::rename(folder.path().join("away"), &secrets).unwrap();
    assert_eq!(gateway.administers(BEFORE[0]).await, 200);
    assert_eq!(gateway.administers(AFTER[0]).await, 401);
    assert!(!gateway.log().contains("hunter2") && !gateway.log().contains(AGAIN));
    gateway.signal("-HUP");
    gateway.said(AGAIN, 1).await;
    assert_eq!(gateway.administers(AFTER[0]).await, 200);
    gateway.stop();
}

/// The token that both configurations have is taken at every moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_by_it() {
    let folder = scratch_dir();
    config(folder.path(), BEFORE, "info", "");
    let gateway = Arc::new(Gateway::start(folder.path()).await);
    let pat = gateway.mint().await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = |()| {
        let (gateway, stop, pat) = (Arc::clone(&gateway), Arc::clone(&stop), pat.clone());
        tokio::spawn(async move {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(gateway.auth(&pat).await, 200);
                assert_eq!(gateway.administers(BEFORE[0]).await, 200);
                count += 1;
            }
            count
        })
    };
    let load: Vec<_> = [(); 4].into_iter().map(load).collect();
    for n in 0..30 {
        let filter = if n % 2 == 0 { "warn" } else { "info" };
        config(folder.path(), [BEFORE[0], AFTER[n % 2]], filter, "");
        for _ in 0..3 {
            gateway.signal("-HUP");
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for load in load {
        let count: u32 = load.await.unwrap();
        assert!(count > 10, "{count}");
    }
    assert!(!gateway.log().contains(REFUSED), "{}", gateway.log());
    Arc::into_inner(gateway).unwrap().stop();
}

/// The page has the list of what is applied, to the letter.
#[test]
fn the_page_names_what_is_applied() {
    let page = include_str!("../../../../docs/configuration.md");
    let section = page.split("## Reading it again").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let named: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    assert_eq!(named, portcullis_gateway::serve::APPLIED);
}
