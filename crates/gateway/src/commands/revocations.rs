//! `portcullis revocations list`, `show`, `retry`, `approve` and `cancel`

mod find;
mod show;

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};

use super::output::Output;
use super::remote::{Listener, Remote, RemoteError};
use super::several::{self, Outcome};
use super::table::Table;
use super::times::{in_short, to_the_second};
use super::{listing, runtime, terminal};
use crate::cli::{Beginning, ListArgs, OperateArgs, RevocationsCommand, StateArg};
use crate::config::Environment;
use crate::error::StartError;

/// What the names of the scanner's types begin with; lists leave it out.
const SCANNER: &str = "gitleaks_rule_id_";

/// Of such cells two stand beside each other on a terminal of 80 columns.
const WIDEST: usize = 38;

/// A row of the queue as the API tells of it.
#[derive(Deserialize)]
struct Row {
    fingerprint: String,
    r#type: String,
    provider: String,
    mode: String,
    state: String,
    code: Option<String>,
    reason: Option<String>,
    confirmed: bool,
    about: Option<Value>,
    created_at: String,
    due_at: String,
    /// An older gateway does not say.
    overdue_seconds: Option<u64>,
    next_attempt_at: Option<String>,
    ended_at: Option<String>,
    attempts: u64,
    sightings: u64,
}

/// Runs one of them.
pub(super) fn run(
    command: &RevocationsCommand,
    environment: &Environment,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let remote = Remote::new(command.remote(), Listener::Admin, environment, output)?;
    runtime::block_on(async {
        match command {
            RevocationsCommand::List { state, page, .. } => {
                list(&remote, *state, page, output).await?;
            }
            RevocationsCommand::Show { fingerprint, .. } => {
                show::show(&remote, fingerprint, output).await?;
            }
            RevocationsCommand::Retry(args) => return Ok(retry(&remote, args, output).await),
            RevocationsCommand::Approve(args) => return Ok(approve(&remote, args, output).await),
            RevocationsCommand::Cancel(args) => return Ok(cancel(&remote, args, output).await),
        }
        Ok(ExitCode::SUCCESS)
    })?
}

async fn list(
    remote: &Remote,
    state: Option<StateArg>,
    page: &ListArgs,
    output: &mut Output,
) -> Result<(), StartError> {
    let state: Vec<_> =
        state.map(|state| ("state", state.0.as_str().to_owned())).into_iter().collect();
    let limit = page.limit.get() as usize;
    let listed = remote.list("revocations", &state, limit, page.after.as_deref()).await?;
    let rows = listed.entries.iter().map(|entry| remote.read(entry));
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    let digits = find::digits(rows.iter().map(|row| row.fingerprint.as_str()));
    let mut table =
        Table::new(&["FINGERPRINT", "STATE", "CODE", "REPORTED", "TOKEN", "TYPE"]).cut_at(WIDEST);
    for row in rows {
        table.push(&cells(row, digits));
    }
    listing::tell("revocations", table, listed, "there are no such secrets", output);
    Ok(())
}

fn cells(row: Row, digits: usize) -> [String; 6] {
    let dash = || "-".to_owned();
    [
        row.fingerprint.chars().take(digits).collect(),
        standing(&row),
        row.code.unwrap_or_else(dash),
        to_the_second(&row.created_at),
        row.about.as_ref().and_then(called).unwrap_or_else(dash),
        row.r#type.strip_prefix(SCANNER).unwrap_or(&row.r#type).to_owned(),
    ]
}

/// The state, and where it should have been another by now, for how long.
fn standing(row: &Row) -> String {
    match row.overdue_seconds {
        Some(seconds) => format!("{}, overdue {}", row.state, in_short(seconds)),
        None => row.state.clone(),
    }
}

/// What the token was called, and whose it was.
fn called(about: &Value) -> Option<String> {
    let name = match (about["name"].as_str(), about["id"].as_u64()) {
        (Some(name), _) => name.to_owned(),
        (None, Some(id)) => format!("token {id}"),
        (None, None) => return None,
    };
    let owner = about["owner"].as_str().or_else(|| about["username"].as_str()).map(str::to_owned);
    let owner = owner.or_else(|| Some(format!("user {}", about["user_id"].as_u64()?)));
    Some(owner.map_or_else(|| name.clone(), |owner| format!("{name} ({owner})")))
}

async fn retry(remote: &Remote, args: &OperateArgs, output: &mut Output) -> ExitCode {
    operate(remote, args, ("retry", "will be tried again"), output).await
}

async fn approve(remote: &Remote, args: &OperateArgs, output: &mut Output) -> ExitCode {
    operate(remote, args, ("approve", "approved"), output).await
}

async fn cancel(remote: &Remote, args: &OperateArgs, output: &mut Output) -> ExitCode {
    operate(remote, args, ("cancel", "taken out of the queue"), output).await
}

/// Does one of the three, a verb of the API and what it does in words.
async fn operate(
    remote: &Remote,
    args: &OperateArgs,
    (verb, did): (&str, &str),
    output: &mut Output,
) -> ExitCode {
    let act = async |beginning: &Beginning| {
        let fingerprint = match find::one(remote, beginning).await {
            Ok(fingerprint) => fingerprint,
            Err(error) => return Err(error).into(),
        };
        let mut members = json!({ "whole": fingerprint });
        let done = operate_one(remote, &fingerprint, verb).await.map(|(state, row)| {
            members["revocation"] = row;
            format!("{did}, now {}", terminal::plain(&state))
        });
        Outcome { done, members }
    };
    several::each("fingerprint", &args.fingerprints, act, output).await
}

/// The state in which the row is now, and the row as the API told it.
async fn operate_one(
    remote: &Remote,
    fingerprint: &str,
    verb: &str,
) -> Result<(String, Value), RemoteError> {
    let answer = remote.post(&["v1", "revocations", fingerprint, verb], None).await;
    let answer = answer.map_err(|error| of_state(error, verb))?;
    let row: Row = remote.read(&answer)?;
    Ok((row.state, answer))
}

/// In which state it is, instead of that it is in the wrong one.
fn of_state(error: RemoteError, verb: &str) -> RemoteError {
    let RemoteError::Problem { code, text, state: Some(state) } = error else { return error };
    let text = match (code.as_str(), verb, state.as_str()) {
        ("wrong_state", "retry", "failed") => {
            "it is failed, and its secret is erased: nothing to retry".into()
        }
        ("wrong_state", ..) => format!("it is {state}: nothing to {verb}"),
        _ => text,
    };
    RemoteError::Problem { code, text, state: Some(state) }
}
