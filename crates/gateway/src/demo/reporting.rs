//! Leaked GitLab tokens, reported as GitLab does it.

use futures_util::FutureExt as _;
use portcullis_fake_gitlab::TokenState;
use serde_json::Value;

use super::leaks::{FOREIGN_TYPE, without_extract};
use super::queue::Row;
use super::walk::{Chapter, Line, Mismatch, Step, equal};
use super::world::World;

const ELSEWHERE: &str = "https://gitlab.example.com/ann/app/-/blob/main/ci/.env#L3";

pub(super) fn chapter() -> Chapter<World> {
    Chapter {
        title: "Leaked GitLab tokens, reported as GitLab does",
        steps: vec![
            Step::new("types", |world, line| types(world, line).boxed_local()),
            Step::new("report", |world, line| report(world, line).boxed_local()),
            Step::new("live", |world, line| live(world, line).boxed_local()),
            Step::new("dead", |world, line| dead(world, line).boxed_local()),
            Step::new("unknown", |world, line| unknown(world, line).boxed_local()),
            Step::new("resend", |world, line| resend(world, line).boxed_local()),
        ],
    }
}

/// What a pipeline found, in its order.
fn findings(world: &World) -> Vec<Value> {
    let leaks = &world.leaks;
    vec![
        leaks.live.finding(),
        leaks.live.found_again(ELSEWHERE),
        leaks.dead.finding(),
        without_extract(),
        leaks.unknown.finding(),
        leaks.foreign.finding(),
        leaks.live.found_again(""),
        leaks.live.found_nowhere(),
    ]
}

async fn types(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /v1/revocable_token_types, with a bare Authorization");
    let types = world.api()?.types().await?;
    equal("types", types.len(), 6)?;
    equal("offers Slack's:", types.iter().any(|name| name == FOREIGN_TYPE), false)?;
    line.came(format!("200, {} types", types.len()));
    Ok(())
}

/// A list of types that is a moment old lets one through that is not offered.
async fn report(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent(
        "POST /v1/revoke_tokens, 8 findings: live (4 times the same), dead, unknown, null, and a \
         type not offered",
    );
    let answer = world.api()?.report(&findings(world)).await?.with_status(400)?.body;
    equal("code", answer["code"].as_str().unwrap_or("(none)"), "some_items_rejected")?;
    let count = |member: &str| answer[member].as_i64().unwrap_or(-1);
    equal("accepted", count("accepted"), 6)?;
    equal("skipped", count("skipped"), 1)?;
    equal("rejected", count("rejected_total"), 1)?;
    let rejected = &answer["rejected"][0];
    equal("rejected index", rejected["index"].as_i64().unwrap_or(-1), 5)?;
    equal("its code", rejected["code"].as_str().unwrap_or("(none)"), "unsupported_type")?;
    line.came("400 for index 5 (unsupported_type); 6 taken, the null skipped");
    Ok(())
}

async fn live(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("the worker: GET …/self, then DELETE …/self with the live one");
    let (api, leak) = (world.api()?, &world.leaks.live);
    let row = api.found_at(&leak.location).await?;
    let row = api.once(&row.fingerprint(), "revoked", 1).await?;
    leak.is(TokenState::Revoked, &world.gitlab)?;
    equal("DELETEs", leak.requests_to(&world.gitlab, "DELETE"), 1)?;
    equal("sightings", row.number("/sightings"), 4)?;
    let (owner, used, took) =
        (leak.owner_in(&row)?, leak.last_used(), row.milliseconds("/created_at")?);
    line.came(format!("revoked in {took} ms: {owner}, last used {used}"));
    Ok(())
}

async fn dead(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("the worker: GET …/self with the dead one, 401 invalid_token");
    let (api, leak) = (world.api()?, &world.leaks.dead);
    let row = api.found_at(&leak.location).await?;
    let row = api.once(&row.fingerprint(), "inactive", 1).await?;
    row.has("/confirmed", "true")?;
    row.has("/code", "invalid_token")?;
    equal("DELETEs", leak.requests_to(&world.gitlab, "DELETE"), 0)?;
    line.came("inactive: it was dead before");
    Ok(())
}

async fn unknown(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("the worker: GET …/self with the unknown one, a plain 401");
    ended_as_unknown(world).await?;
    line.came("inactive, unconfirmed: a wrong GitLab says the same");
    Ok(())
}

/// Sidekiq sends all of it again after an answer that is not 2xx. The types are asked for anew, so
/// that what is not offered stays behind.
async fn resend(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("twice, as Sidekiq does: the types, then all that they allow");
    let mut good = findings(world);
    let types = world.api()?.types().await?;
    good.retain(|finding| types.iter().any(|name| finding["type"] == name.as_str()));
    equal("findings left", good.len(), 7)?;
    let before = world.api()?.found_at(&world.leaks.live.location).await?;
    let asked = world.gitlab.requests().len();
    world.api()?.report(&good).await?.with_status(204)?;
    // One that nobody confirmed is asked about again, at most once a day.
    ended_as_unknown(world).await?;
    world.api()?.report(&good).await?.with_status(204)?;
    let after = ended_as_unknown(world).await?;
    equal("sightings of the unknown one:", after.number("/sightings"), 3)?;
    let live = world.api()?.row(&before.fingerprint()).await?;
    let same = live.without_sightings() == before.without_sightings();
    equal("the live one's row unchanged:", same, true)?;
    equal("its sightings", live.number("/sightings"), 12)?;
    equal("requests to GitLab:", world.gitlab.requests().len() - asked, 1)?;
    line.came("204, 204: 4 sightings are 12 now, and no end has changed");
    Ok(())
}

async fn ended_as_unknown(world: &World) -> Result<Row, Mismatch> {
    let row = world.api()?.found_at(&world.leaks.unknown.location).await?;
    let row = world.api()?.once(&row.fingerprint(), "inactive", 1).await?;
    row.has("/confirmed", "false")?;
    row.has("/code", "unauthorized")?;
    Ok(row)
}
