//! A job acts as its user, for seconds.

use std::time::Instant;

use futures_util::FutureExt as _;
use portcullis_base::secret::ExposeSecret as _;
use portcullis_fake_gitlab::JobSpec;

use super::jobs::{self, Form, Lent, names};
use super::leaks::{APPROVED_TYPE, finding};
use super::walk::{Chapter, Line, Mismatch, Step, equal};
use super::world::World;

const ELSEWHERE: &str = "https://gitlab.example.com/ops/release/-/jobs/503#L88";

pub(super) fn chapter() -> Chapter<World> {
    Chapter {
        title: "Tokens lent to CI jobs, of the user who started them",
        steps: vec![
            Step::new("lend", |world, line| lend(world, line).boxed_local()),
            Step::new("narrow", |world, line| narrow(world, line).boxed_local()),
            Step::new("return", |world, line| give_back(world, line).boxed_local()),
            Step::new("lost", |world, line| lost(world, line).boxed_local()),
            Step::new("no-rule", |world, line| no_rule(world, line).boxed_local()),
            Step::new("fork", |world, line| fork(world, line).boxed_local()),
            Step::new("admin", |world, line| admin(world, line).boxed_local()),
        ],
    }
}

/// By now the first one's time is over, or nearly.
pub(super) fn due_chapter() -> Chapter<World> {
    let steps = vec![Step::new("due", |world, line| due(world, line).boxed_local())];
    Chapter { title: "A lent token whose time is over", steps }
}

async fn lend(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /token with the id_token of a job of ann/app, as curl does");
    let lent = world.lend(&jobs::of_app(501), "", Form::Plain).await?;
    lent.answer.has("content-type", "text/plain; charset=utf-8")?;
    let api = world.api()?;
    lent.works(api, &world.gitlab, &["write_repository"]).await?;
    let row = api.found_at(&lent.place).await?;
    row.has("/state", "pending")?;
    row.has("/type", "impersonation_token")?;
    line.came(format!(
        "200, it works at GitLab: user 42, write_repository; {} is due in 2 s",
        row.short()
    ));
    world.lending.kept = Some(lent);
    Ok(())
}

async fn narrow(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /token?scopes=write_repository&ttl=30, where a rule gives api too, for 60 s");
    let job = jobs::of_release(502);
    let lent = world.lend(&job, "?scopes=write_repository&ttl=30", Form::Json).await?;
    let told = &lent.answer.body;
    equal("scopes", names(&told["scopes"]), "write_repository".to_owned())?;
    equal("seconds", told["lifetime_seconds"].as_u64().unwrap_or_default(), 30)?;
    lent.works(world.api()?, &world.gitlab, &["write_repository"]).await?;
    let more = world.api()?.token("?ttl=61", Form::Plain, &lent.jwt).await?.with_status(403)?;
    equal("code", more.code(), "ttl_not_granted")?;
    line.came("200, as JSON: write_repository, 30 s; but ?ttl=61 is 403 (ttl_not_granted)");
    world.lending.narrowed = Some(lent);
    Ok(())
}

async fn give_back(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("DELETE /token with the same id_token, 30 s before its time");
    let lent = taken(&mut world.lending.narrowed)?;
    let (api, began) = (world.api()?, Instant::now());
    api.give_back(&lent.jwt).await?.with_status(204)?;
    lent.dies(api, &world.gitlab).await?;
    let took = began.elapsed().as_millis();
    api.give_back(&lent.jwt).await?.with_status(204)?;
    line.came(format!("204, and dead at GitLab within {took} ms; once more is 204 too"));
    Ok(())
}

/// The reporter cannot know what it has found, and the type that it says is to be held. The gateway
/// knows.
async fn lost(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("a lent token is in a job's log: POST /v1/revoke_tokens, as a type to approve");
    let lent = world.lend(&jobs::of_release(503), "", Form::Plain).await?;
    let (api, began) = (world.api()?, Instant::now());
    lent.works(api, &world.gitlab, &["api", "write_repository"]).await?;
    let finding = finding(APPROVED_TYPE, lent.token.expose_secret(), ELSEWHERE);
    api.report(&[finding]).await?.with_status(204)?;
    let row = lent.dies(api, &world.gitlab).await?;
    equal("sightings", row.number("/sightings"), 2)?;
    let took = began.elapsed().as_millis();
    line.came(format!("204, and dead at GitLab within {took} ms, 60 s before its time"));
    Ok(())
}

async fn no_rule(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /token, a job of someone/else");
    refused(world, &jobs::of_nobody(504), "no_rule").await?;
    line.came("403 (no_rule); GitLab made nothing");
    Ok(())
}

async fn fork(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /token, a merge request's job in ann/app with a fork's code");
    refused(world, &jobs::of_fork(505), "fork").await?;
    line.came("403 (fork)");
    Ok(())
}

async fn admin(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /token, a job that an administrator started");
    let asked = |world: &World| world.gitlab.count("GET", "/api/v4/users/1");
    let before = asked(world);
    refused(world, &jobs::of_administrator(506), "administrator").await?;
    equal("questions to GitLab:", asked(world) - before, 1)?;
    line.came("403 (administrator): GitLab was asked who it is");
    Ok(())
}

async fn due(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("the worker: the first one's 2 s are over");
    let lent = taken(&mut world.lending.kept)?;
    let row = lent.dies(world.api()?, &world.gitlab).await?;
    let late = row.milliseconds("/due_at")?;
    equal("revoked too early:", late < 0, false)?;
    line.came(format!("revoked {late} ms later; GitLab: 401 invalid_token"));
    Ok(())
}

/// That this job gets nothing, for this reason, and GitLab was not even asked to make anything.
async fn refused(world: &mut World, job: &JobSpec, code: &str) -> Result<(), Mismatch> {
    let (jwt, before) = (world.id_token(job), world.made_by_gitlab());
    let answer = world.api()?.token("", Form::Plain, &jwt).await?.with_status(403)?;
    equal("code", answer.code(), code)?;
    equal("tokens made by GitLab:", world.made_by_gitlab() - before, 0)
}

/// What an earlier step left.
pub(super) fn taken(lent: &mut Option<Lent>) -> Result<Lent, Mismatch> {
    lent.take().ok_or_else(|| Mismatch::new("a token lent before", "none"))
}
