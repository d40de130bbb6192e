//! The gateway itself: it starts, and it starts again.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Instant;

use futures_util::FutureExt as _;
use portcullis_fake_gitlab::TokenState;

use super::jobs::{self, Form};
use super::lent::taken;
use super::outage;
use super::queue::Row;
use super::walk::{Chapter, Line, Mismatch, Step, equal};
use super::world::World;

pub(super) fn start() -> Chapter<World> {
    let steps = vec![Step::new("start", |world, line| begin(world, line).boxed_local())];
    Chapter { title: "The gateway", steps }
}

pub(super) fn again() -> Chapter<World> {
    let steps = vec![
        Step::new("restart", |world, line| restart(world, line).boxed_local()),
        Step::new("resume", |world, line| resume(world, line).boxed_local()),
    ];
    Chapter { title: "Stopped and started again on the same data", steps }
}

async fn begin(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent(format!("SQLite and secrets in {}", world.data_dir.path().display()));
    let took = run(world).await?;
    let mode = |path: &Path| std::fs::metadata(path).map(|m| m.mode() & 0o777).unwrap_or_default();
    equal("mode of the directory", format!("{:o}", mode(world.data_dir.path())), "700".into())?;
    equal(
        "mode of secrets.toml",
        format!("{:o}", mode(&world.data_dir.secrets_path())),
        "600".into(),
    )?;
    line.came(format!("ready after {took} ms; nobody else can read there (0700, 0600)"));
    Ok(())
}

async fn restart(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GitLab is down; a live token is reported, a job gives its own back; stop, start");
    let pat = world.mint("kept").await?;
    let lent = world.lend(&jobs::of_release(507), "", Form::Plain).await?;
    outage::begins(&world.gitlab);
    let leak = &world.leaks.in_restart;
    world.api()?.report(&[leak.finding()]).await?.with_status(204)?;
    world.api()?.give_back(&lent.jwt).await?.with_status(204)?;
    let ended = ended(world).await?;
    world.stop().await;
    let took = run(world).await?;
    equal("ended rows unchanged:", ended_again(world, &ended).await?, ended.len())?;
    for place in [&world.leaks.in_restart.location, &lent.place] {
        world.api()?.found_at(place).await?.has("/state", "pending")?;
    }
    equal("the job's alive at GitLab:", lent.is_alive(&world.gitlab), true)?;
    world.lending.in_restart = Some(lent);
    world.api()?.auth(&pat).await?.with_status(200)?;
    let count = ended.len();
    line.came(format!("ready after {took} ms: {count} ends as before, 2 wait, a PAT still 200"));
    Ok(())
}

async fn resume(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GitLab is back");
    let waiting = world.api()?.found_at(&world.leaks.in_restart.location).await?;
    outage::ends(&world.gitlab);
    let row = world.api()?.once(&waiting.fingerprint(), "revoked", 1).await?;
    world.leaks.in_restart.is(TokenState::Revoked, &world.gitlab)?;
    let owner = world.leaks.in_restart.owner_in(&row)?;
    let lent = taken(&mut world.lending.in_restart)?;
    lent.dies(world.api()?, &world.gitlab).await?;
    line.came(format!("revoked by the new process: {owner}, and the job's"));
    Ok(())
}

/// Starts the gateway; gives how many milliseconds it took until it could work.
async fn run(world: &mut World) -> Result<u128, Mismatch> {
    let began = Instant::now();
    let failed = |error| Mismatch::new("a gateway that starts", error);
    world.start().await.map_err(failed)?;
    world.api()?.ready().await?;
    Ok(began.elapsed().as_millis())
}

async fn ended(world: &World) -> Result<Vec<Row>, Mismatch> {
    let mut rows = world.api()?.rows().await?;
    rows.retain(|row| !row.text("/ended_at").is_empty());
    Ok(rows)
}

/// How many of these rows are as they were, to the letter.
async fn ended_again(world: &World, before: &[Row]) -> Result<usize, Mismatch> {
    let now = world.api()?.rows().await?;
    Ok(before.iter().filter(|row| now.contains(row)).count())
}
