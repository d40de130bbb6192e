//! Whether an administrator's token can do what it is there for.

use time::Date;

use crate::{Administrator, GitlabClient, UserFailure};

/// Every call about users and their tokens needs it.
const API: &str = "api";
/// Acting as another does, beside it.
const SUDO: &str = "sudo";

/// What an administrator's token may do, as GitLab tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The scopes that it needs and does not have: `api`, and to act as another `sudo`.
    pub missing_scopes: Vec<&'static str>,
    /// Whether its owner is an administrator, and counts as one with this token; `None` where it lacks the
    /// scope to ask.
    pub administrator: Option<bool>,
    /// The day on which it expires, in UTC: on that day it is already dead. `None` for never.
    pub expires_on: Option<Date>,
    /// What it lacks first.
    pub lack: Option<Lack>,
}

/// What keeps an administrator's token from its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It has not all the scopes.
    Scopes,
    /// Its owner is no administrator; or admin mode is on, and it lacks the scope `admin_mode`.
    Administrator,
    /// There is no such user to act as.
    UnknownSudo,
    /// The user to act as is no administrator; or admin mode is on, which lets nobody act as another
    /// administrator.
    SudoAdministrator,
}

impl Lack {
    /// A name that never changes, for logs, metrics and records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Scopes => "scopes_missing",
            Self::Administrator => "not_administrator",
            Self::UnknownSudo => "unknown_sudo_user",
            Self::SudoAdministrator => "sudo_user_not_administrator",
        }
    }
}

impl GitlabClient {
    /// Asks what a token may do: about itself, its owner, and the user to act as. Only asks, and changes
    /// nothing. Whether impersonation is switched on cannot be asked.
    ///
    /// # Errors
    /// [`UserFailure`] where GitLab does not accept the token, or does not answer.
    pub async fn rights(&self, by: &Administrator) -> Result<Rights, UserFailure> {
        let told = self.self_token(&by.token).await?;
        let needed = if by.sudo.is_some() { &[API, SUDO][..] } else { &[API] };
        let has = |scope: &str| told.scopes.iter().any(|one| one == scope);
        let missing: Vec<&str> = needed.iter().copied().filter(|scope| !has(scope)).collect();
        let rights = Rights {
            lack: (!missing.is_empty()).then_some(Lack::Scopes),
            administrator: None,
            expires_on: told.expires_on(),
            missing_scopes: missing,
        };
        if rights.missing_scopes.contains(&API) {
            return Ok(rights);
        }
        let owner = self.current_user(&Administrator { sudo: None, ..by.clone() }).await?;
        let administrator = owner.is_admin == Some(true);
        let lack = match rights.lack {
            Some(lack) => Some(lack),
            None if !administrator => Some(Lack::Administrator),
            None => self.lack_of_sudo(by).await?,
        };
        Ok(Rights { administrator: Some(administrator), lack, ..rights })
    }

    async fn lack_of_sudo(&self, by: &Administrator) -> Result<Option<Lack>, UserFailure> {
        if by.sudo.is_none() {
            return Ok(None);
        }
        match self.current_user(by).await {
            Ok(user) if user.is_admin == Some(true) => Ok(None),
            Ok(_) | Err(UserFailure::AdminForbidden) => Ok(Some(Lack::SudoAdministrator)),
            Err(UserFailure::UnknownSudo) => Ok(Some(Lack::UnknownSudo)),
            Err(failure) => Err(failure),
        }
    }
}
