//! GitLab is down, and back.

use std::time::Instant;

use futures_util::FutureExt as _;
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenState};

use super::walk::{Chapter, Line, Mismatch, Step};
use super::world::World;

pub(super) fn chapter() -> Chapter<World> {
    Chapter {
        title: "GitLab is down",
        steps: vec![
            Step::new("down", |world, line| down(world, line).boxed_local()),
            Step::new("back", |world, line| back(world, line).boxed_local()),
        ],
    }
}

/// From now on whatever stands in front of GitLab answers, and GitLab does not.
pub(super) fn begins(gitlab: &FakeGitlab) {
    gitlab.fault_always(Some(Fault::Html { status: 502 }));
}

/// GitLab answers again.
pub(super) fn ends(gitlab: &FakeGitlab) {
    gitlab.fault_always(None);
}

async fn down(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /v1/revoke_tokens: a live token, while GitLab answers 502");
    begins(&world.gitlab);
    let (api, leak) = (world.api()?, &world.leaks.in_outage);
    api.report(&[leak.finding()]).await?.with_status(204)?;
    let row = api.found_at(&leak.location).await?;
    let row = api.once(&row.fingerprint(), "pending", 2).await?;
    leak.is(TokenState::Active, &world.gitlab)?;
    let tried = row.number("/attempts");
    line.came(format!("204 all the same: {} waits, tried {tried} times", row.short()));
    Ok(())
}

async fn back(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GitLab is back");
    let (api, leak) = (world.api()?, &world.leaks.in_outage);
    let row = api.found_at(&leak.location).await?;
    let began = Instant::now();
    ends(&world.gitlab);
    let row = api.once(&row.fingerprint(), "revoked", 3).await?;
    let took = began.elapsed().as_millis();
    leak.is(TokenState::Revoked, &world.gitlab)?;
    let (owner, tried) = (leak.owner_in(&row)?, row.number("/attempts"));
    line.came(format!("revoked {took} ms later, at attempt {tried}: {owner}"));
    Ok(())
}
