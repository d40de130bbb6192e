//! A GitLab, and what its administrator's token may do there.

use portcullis_gitlab::{Administrator, GitlabClient, Lack, Rights};

use super::{Bad, Good};

/// Without an administrator only whether it is there. Nothing is made or changed.
pub(super) async fn ask(client: GitlabClient, by: Option<Administrator>) -> Result<Good, Bad> {
    let Some(by) = by else {
        let there = client.is_there().await;
        there.map_err(|failure| Bad { code: failure.code(), text: failure.to_string() })?;
        return Ok(Good { text: "answers; no admin_token is given".to_owned(), ..Good::default() });
    };
    match client.rights(&by).await {
        Ok(Rights { lack: Some(lack), missing_scopes, .. }) => {
            let text = lacks(lack, &missing_scopes, by.sudo.as_deref().unwrap_or_default());
            Err(Bad { code: lack.code(), text })
        }
        Ok(rights) => Ok(Good { text: good(&rights, &by), expires_on: rights.expires_on }),
        Err(failure) => Err(Bad { code: failure.code(), text: failure.to_string() }),
    }
}

fn good(rights: &Rights, by: &Administrator) -> String {
    let end = match rights.expires_on {
        Some(day) => format!("expires on {day}"),
        None => "never expires".to_owned(),
    };
    let sudo = by.sudo.as_ref().map(|user| format!(" and may act as {user}"));
    format!("the admin_token is an administrator's{}, {end}", sudo.unwrap_or_default())
}

/// What to do about it stands beside it.
fn lacks(lack: Lack, missing: &[&str], sudo: &str) -> String {
    match lack {
        Lack::Scopes => {
            let plural = if missing.len() == 1 { "" } else { "s" };
            format!("the admin_token lacks the scope{plural} {}", missing.join(" and "))
        }
        Lack::Administrator => {
            "the owner of the admin_token is no administrator; or admin mode is on, and it lacks the \
             scope admin_mode"
                .to_owned()
        }
        Lack::UnknownSudo => format!("there is no user {sudo}, which is the sudo_user"),
        Lack::SudoAdministrator => format!(
            "the sudo_user {sudo} is no administrator, as GitLab demands; or admin mode is on, which \
             lets nobody act as another: then leave sudo_user out"
        ),
    }
}
