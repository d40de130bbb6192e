//! `portcullis health`: for whoever watches a process and has no other program to ask it with.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::output::Output;
use super::remote::{Answer, Remote, RemoteError};
use super::{runtime, terminal};
use crate::cli::HealthArgs;
use crate::config::Environment;
use crate::error::StartError;

/// Asks once, and tells in one line.
pub(super) fn run(
    args: &HealthArgs,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), StartError> {
    let remote = Remote::without_token(args, environment)?;
    let (people, machines) = runtime::block_on(ask(&remote, args.ready))??;
    output.result(&people, &machines);
    Ok(())
}

async fn ask(remote: &Remote, ready: bool) -> Result<(String, Value), RemoteError> {
    let path = if ready { "ready" } else { "health" };
    let answer = remote.raw(remote.url(&[path]), None, None).await?;
    let told = if ready { readiness(&answer) } else { life(&answer) };
    told.ok_or_else(|| remote.why_not(&answer))
}

fn life(answer: &Answer) -> Option<(String, Value)> {
    let lives = answer.status == StatusCode::OK && answer.body.trim_ascii() == b"Healthy";
    lives.then(|| ("healthy".to_owned(), json!({ "healthy": true })))
}

/// What a gateway says of itself is passed on to machines as it is.
fn readiness(answer: &Answer) -> Option<(String, Value)> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    if answer.status != StatusCode::OK || body["ready"] != true {
        return None;
    }
    let degraded: Vec<&str> =
        body["degraded"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let people = match degraded.as_slice() {
        [] => "ready".to_owned(),
        parts => terminal::plain(&format!("ready, but degraded: {}", parts.join(", "))),
    };
    Some((people, body))
}
