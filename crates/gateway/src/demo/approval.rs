//! A type whose mode is `approve`: nothing dies unless an operator agrees.

use futures_util::FutureExt as _;
use portcullis_fake_gitlab::TokenState;
use reqwest::Method;

use super::walk::{Chapter, Line, Mismatch, Step, equal};
use super::world::World;

pub(super) fn chapter() -> Chapter<World> {
    Chapter {
        title: "A type in mode \"approve\"",
        steps: vec![
            Step::new("hold", |world, line| hold(world, line).boxed_local()),
            Step::new("approve", |world, line| approve(world, line).boxed_local()),
        ],
    }
}

async fn hold(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /v1/revoke_tokens: a live token of that type");
    let (api, leak) = (world.api()?, &world.leaks.held);
    api.report(&[leak.finding()]).await?.with_status(204)?;
    let row = api.found_at(&leak.location).await?;
    row.has("/state", "held")?;
    leak.is(TokenState::Active, &world.gitlab)?;
    let asked = ["GET", "DELETE"].map(|method| leak.requests_to(&world.gitlab, method));
    equal("requests to GitLab:", asked.iter().sum::<usize>(), 0)?;
    line.came(format!("204: {} is held and alive; GitLab was not asked", row.short()));
    Ok(())
}

async fn approve(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    let (api, leak) = (world.api()?, &world.leaks.held);
    let row = api.found_at(&leak.location).await?;
    line.sent(format!("POST /v1/revocations/{}…/approve", row.short()));
    let path = format!("/{}/approve", row.fingerprint());
    api.revocations(Method::POST, &path).await?.with_status(200)?;
    let row = api.once(&row.fingerprint(), "revoked", 1).await?;
    leak.is(TokenState::Revoked, &world.gitlab)?;
    line.came(format!("200: revoked, {}", leak.owner_in(&row)?));
    Ok(())
}
