//! The broker's own credential: what is known of the administrator's token, and told when it changes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis_gitlab::{Rights, UserFailure};
use time::{Date, OffsetDateTime};

use crate::upstream::Trouble;

/// So many days before its end the log begins to tell, once a day.
const EARLY: i64 = 14;
/// So many days before, it tells it as an error.
const LATE: i64 = 3;

/// How GitLab stands to the administrator's token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// It has not been asked, or did not answer.
    #[default]
    Unknown,
    /// It does what it is asked to.
    Accepted,
    /// It knows the token, which may not do what it is there for.
    Forbidden,
    /// It takes the token no longer: revoked, expired, or never known there.
    Refused,
}

impl Standing {
    /// Stable, for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Accepted => "accepted",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
        }
    }
}

/// What is known of the administrator's token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialHealth {
    /// How GitLab stands to it.
    pub standing: Standing,
    /// The scopes that it needs and did not have when it was looked at.
    pub missing_scopes: Vec<&'static str>,
    /// Whether its owner was an administrator then; `None` where that could not be asked.
    pub administrator: Option<bool>,
    /// The day on which it expires, in UTC: on that day it is already dead. `None` for never, or unknown.
    pub expires_on: Option<Date>,
    /// When GitLab was last asked about it and answered.
    pub checked_at: Option<OffsetDateTime>,
    /// What went wrong last, as a stable code; `None` after a success.
    pub problem: Option<&'static str>,
}

impl CredentialHealth {
    /// Whether jobs get no token because of it.
    pub fn is_lost(&self) -> bool {
        matches!(self.standing, Standing::Forbidden | Standing::Refused)
    }

    /// Whole days until it expires; 0 or less where it has.
    pub fn days_left(&self, now: OffsetDateTime) -> Option<i64> {
        let today = now.to_offset(time::UtcOffset::UTC).date();
        Some((self.expires_on? - today).whole_days())
    }
}

/// The same, kept up to date.
#[derive(Debug, Default)]
pub(crate) struct Credential(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    health: CredentialHealth,
    /// The day on which its end was last told to the log.
    warned: Option<Date>,
}

impl Credential {
    pub(crate) fn health(&self) -> CredentialHealth {
        self.lock().health.clone()
    }

    /// Takes note of how a call went that only a token with all the rights can make.
    pub(crate) fn did<T>(&self, outcome: &Result<T, Trouble>) {
        match outcome {
            Ok(_) => self.lock().stands(Standing::Accepted, None),
            Err(trouble) => self.failed(trouble),
        }
    }

    /// The same of one that needs fewer: its success tells only that the token is alive.
    pub(crate) fn asked<T>(&self, outcome: &Result<T, Trouble>) {
        let mut known = self.lock();
        match outcome {
            Ok(_) if known.health.standing == Standing::Refused => {
                known.stands(Standing::Accepted, None);
            }
            Ok(_) => {}
            Err(trouble) => {
                drop(known);
                self.failed(trouble);
            }
        }
    }

    fn failed(&self, trouble: &Trouble) {
        let mut known = self.lock();
        let standing = match trouble {
            // About those whom it was asked for.
            Trouble::Said(
                UserFailure::UnknownUser | UserFailure::UnknownToken | UserFailure::Invalid { .. },
            ) => return,
            Trouble::Said(UserFailure::AdminRefused | UserFailure::Unsendable) => Standing::Refused,
            Trouble::Said(UserFailure::AdminForbidden | UserFailure::UnknownSudo) => {
                Standing::Forbidden
            }
            // Nothing that GitLab said of it.
            Trouble::Said(_) | Trouble::Silence => known.health.standing,
        };
        known.stands(standing, Some(trouble.code()));
    }

    /// Takes note of what came of looking at it.
    pub(crate) fn looked(&self, rights: Result<Rights, Trouble>, now: OffsetDateTime) {
        let rights = match rights {
            Ok(rights) => rights,
            Err(trouble) => {
                self.failed(&trouble);
                let mut known = self.lock();
                if known.health.is_lost() {
                    known.health.checked_at = Some(now);
                }
                return;
            }
        };
        let mut known = self.lock();
        known.health.missing_scopes = rights.missing_scopes;
        known.health.administrator = rights.administrator;
        known.health.expires_on = rights.expires_on;
        known.health.checked_at = Some(now);
        let standing = rights.lack.map_or(Standing::Accepted, |_| Standing::Forbidden);
        known.stands(standing, rights.lack.map(portcullis_gitlab::Lack::code));
        known.tell_days(now);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Loud where it changes, and silent where it does not.
    fn stands(&mut self, standing: Standing, problem: Option<&'static str>) {
        let was_lost = self.health.is_lost();
        self.health.standing = standing;
        self.health.problem = problem;
        if self.health.is_lost() && !was_lost {
            tracing::error!(
                impersonation.code = problem,
                impersonation.missing_scopes = self.health.missing_scopes.join(" "),
                "GitLab does not let the broker's admin token do its work: no job gets a token, and what \
                 was lent may not be revoked. Give impersonation.admin_token a good one"
            );
        } else if was_lost && !self.health.is_lost() {
            tracing::warn!("GitLab accepts the broker's admin token again");
        }
    }

    fn tell_days(&mut self, now: OffsetDateTime) {
        let today = now.to_offset(time::UtcOffset::UTC).date();
        let Some(left) = self.health.days_left(now).filter(|left| *left <= EARLY) else { return };
        if self.warned.replace(today) == Some(today) {
            return;
        }
        if left <= LATE {
            tracing::error!(
                impersonation.days_left = left,
                "the broker's admin token expires soon"
            );
        } else {
            tracing::warn!(impersonation.days_left = left, "the broker's admin token expires soon");
        }
    }
}

#[cfg(test)]
mod tests;
