//! The shipped binary under load, killed again and again from outside. What it answered 204 to must
//! be dead at GitLab in the end, no end may change, and nothing it left behind may hold a token.
//! `make chaos` does the same for longer and kills at chosen points as well.

#[path = "crash/drain.rs"]
mod drain;

use portcullis_base::{Randomness as _, SystemRandomness};
use portcullis_chaos::{Evidence, NightOptions, Options, Size, Step, go_through, run};

const KILLS: usize = 6;
const TOKENS: usize = 1200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    nothing_acknowledged_is_lost(1, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_postgres_by_two_gateways() {
    nothing_acknowledged_is_lost(2, true).await;
}

async fn nothing_acknowledged_is_lost(gateways: usize, server: bool) {
    let mut seed = [0; 8];
    SystemRandomness.fill(&mut seed);
    let size = Size { kills: KILLS, tokens: TOKENS, gateways, server, points: false };
    let binary = env!("CARGO_BIN_EXE_portcullis").into();
    let options = Options { seed: u64::from_le_bytes(seed), size, binary };
    let evidence = Evidence::of(&options);
    let summary = run(&options, evidence.folder(), &|round| eprintln!("{round}")).await;
    assert!(summary.is_good(), "\n{summary}");
    assert!(summary.acknowledged >= TOKENS, "\n{summary}");
    assert_eq!(summary.deaths.kills(), KILLS);
    assert_eq!(summary.deaths.stalls > 0, server, "\n{summary}");
    assert!(summary.searched > 10_000, "there were logs to search");
    evidence.discard();
}

/// A replica that is upgraded costs no request, one that is killed those that it had, and neither a token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_upgraded_one_after_another_and_no_request_fails() {
    let evidence = Evidence::of_night("rolling", 1, 2);
    let options = NightOptions {
        binary: env!("CARGO_BIN_EXE_portcullis").into(),
        from: None,
        replicas: 2,
        steps: vec![Step::Upgrade(0), Step::Upgrade(1), Step::Kill(0)],
        short: true,
    };
    let night = go_through(&options, evidence.folder(), &|step| eprintln!("{step}")).await;
    assert!(night.is_good(), "\n{night}");
    assert!(night.requests("upgrade") > 50 && night.requests("kill") > 10, "\n{night}");
    assert_eq!(night.failed("upgrade") + night.failed("calm"), 0, "\n{night}");
    evidence.discard();
}
