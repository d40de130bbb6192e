//! The shipped binary under load, killed again and again from outside. What it answered 204 to must
//! be dead at GitLab in the end, no end may change, and nothing it left behind may hold a token.
//! `make chaos` does the same for longer and kills at chosen points as well.

use portcullis_base::{Randomness as _, SystemRandomness};
use portcullis_chaos::{Evidence, Options, Size, run};

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
