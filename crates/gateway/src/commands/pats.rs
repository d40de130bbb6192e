//! `portcullis pats create`, `list` and `revoke`

use std::cell::Cell;
use std::process::ExitCode;

use portcullis_base::clock::{Clock as _, SystemClock};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::output::Output;
use super::remote::{Listener, Remote, RemoteError};
use super::several;
use super::table::{Table, facts};
use super::times::{to_the_second, with_distance};
use super::{listing, runtime, terminal};
use crate::cli::{ExpiryArgs, ListArgs, NewPatArgs, PatsCommand};
use crate::config::Environment;
use crate::error::StartError;

/// A PAT as the API tells of it.
#[derive(Deserialize)]
struct Pat {
    id: String,
    name: String,
    owner: String,
    scopes: Vec<String>,
    status: String,
    expires_at: String,
    last_used_at: Option<String>,
    revoked_reason: Option<String>,
}

pub(super) fn run(
    command: &PatsCommand,
    environment: &Environment,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let remote = Remote::new(command.remote(), Listener::Public, environment, output)?;
    runtime::block_on(async {
        match command {
            PatsCommand::Create { new, .. } => create(&remote, new, output).await?,
            PatsCommand::List { owner, page, .. } => {
                list(&remote, owner.as_deref(), page, output).await?;
            }
            PatsCommand::Revoke { ids, .. } => return Ok(revoke(&remote, ids, output).await),
        }
        Ok(ExitCode::SUCCESS)
    })?
}

async fn create(remote: &Remote, new: &NewPatArgs, output: &mut Output) -> Result<(), StartError> {
    let now = SystemClock.now();
    let body = json!({
        "name": new.name,
        "owner": new.owner,
        "description": new.description.as_deref().unwrap_or_default(),
        "scopes": new.scopes,
        "expires_at": expires_at(&new.expiry, now)?,
    });
    let answer = remote.post(&["v1", "pats"], Some(&body)).await?;
    let pat: Pat = remote.read(&answer)?;
    let is_token = |token: &&str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    let token = answer["token"]
        .as_str()
        .filter(is_token)
        .ok_or_else(|| remote.not_ours(StatusCode::CREATED))?;
    output.note(&facts(
        &[
            ("id", pat.id.clone()),
            ("name", pat.name),
            ("owner", pat.owner),
            ("scopes", or_dash(&pat.scopes.join(" "))),
            ("expires", with_distance(&pat.expires_at, now)),
        ],
        0,
    ));
    output.note("\nThe token, which is shown this once:");
    output.only_once(token, &answer).map_err(|error| {
        let id = terminal::plain(&pat.id);
        let text =
            format!("the token could not be written ({error}); revoke {id} and make another");
        StartError::new("output", text)
    })
}

/// When it ends, as RFC 3339 has it. What the caller wrote is the gateway's to judge.
fn expires_at(args: &ExpiryArgs, now: OffsetDateTime) -> Result<String, StartError> {
    let far = || StartError::new("expires-in", "is beyond the calendar");
    match (&args.expires_at, args.expires_in) {
        (Some(at), _) => Ok(at.clone()),
        (None, after) => {
            let after = time::Duration::try_from(after.unwrap_or_default()).map_err(|_| far())?;
            let at = now.checked_add(after).ok_or_else(far)?;
            at.truncate_to_second().format(&Rfc3339).map_err(|_| far())
        }
    }
}

async fn list(
    remote: &Remote,
    owner: Option<&str>,
    page: &ListArgs,
    output: &mut Output,
) -> Result<(), StartError> {
    let owner: Vec<_> = owner.map(|owner| ("owner", owner.to_owned())).into_iter().collect();
    let limit = page.limit.get() as usize;
    let listed = remote.list("pats", &owner, limit, page.after.as_deref()).await?;
    let mut table =
        Table::new(&["ID", "STATUS", "NAME", "OWNER", "EXPIRES", "LAST USED", "SCOPES"]).cut_at(40);
    for entry in &listed.entries {
        table.push(&row(remote.read(entry)?));
    }
    listing::tell("pats", table, listed, "there are no such tokens", output);
    Ok(())
}

fn row(pat: Pat) -> [String; 7] {
    let status = match pat.revoked_reason {
        Some(reason) => format!("{}, {reason}", pat.status),
        None => pat.status,
    };
    [
        pat.id,
        status,
        pat.name,
        pat.owner,
        to_the_second(&pat.expires_at),
        pat.last_used_at.map_or_else(|| "never".to_owned(), |at| to_the_second(&at)),
        or_dash(&pat.scopes.join(" ")),
    ]
}

async fn revoke(remote: &Remote, ids: &[Uuid], output: &mut Output) -> ExitCode {
    let listed = Cell::new(false);
    let revoke = async |id: &Uuid| revoke_one(remote, id, &listed).await.into();
    several::each("id", ids, revoke, output).await
}

/// Revokes one; `listed` says whether the list was found beside it, which is asked for once.
async fn revoke_one(
    remote: &Remote,
    id: &Uuid,
    listed: &Cell<bool>,
) -> Result<String, RemoteError> {
    match remote.delete(&["v1", "pats", &id.to_string()]).await {
        Ok(()) => Ok("revoked".to_owned()),
        Err(RemoteError::Problem { code, .. }) if code == "not_found" => {
            // Another door says the same of a PAT that lives, and of the list as well.
            if !listed.get() {
                remote.get(&["v1", "pats"], &[("limit", "1".to_owned())]).await?;
                listed.set(true);
            }
            let text = "there is no PAT with this id".to_owned();
            Err(RemoteError::Naming { code: "not_found", text })
        }
        Err(error) => Err(error),
    }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_lifetime_counts_from_now_and_stays_in_the_calendar() {
        let now = time::macros::datetime!(2026-11-21 12:00:00.5 UTC);
        let after = |expires_in| expires_at(&ExpiryArgs { expires_at: None, expires_in }, now);
        let month = after(Some(Duration::from_hours(24 * 30)));
        assert_eq!(month.unwrap(), "2026-12-21T12:00:00Z");
        for far in [Duration::MAX, Duration::from_hours(24 * 365 * 9000)] {
            assert!(after(Some(far)).is_err());
        }
    }
}
