//! SIGHUP: the configuration is read again, and what can be changed under way is.
//!
//! The whole of it is read and checked first, and where anything is wrong nothing changes. What is not applied
//! is named, as long as it differs from what the process was started with.

use actix_web::web::Data;
use portcullis_revocation_api::RevocationApi;
use tokio::signal::unix::Signal;
use tokio::task::JoinHandle;

use crate::admin::Admins;
use crate::compose::{client_config, scrapers};
use crate::config::{self, Config, Problem, Said, Sources};
use crate::error::StartError;
use crate::logging::LogFilter;
use crate::metrics::Metrics;

/// The keys, and sections, that a reload applies. All others need a restart.
pub const APPLIED: [&str; 4] =
    ["log.filter", "metrics.token", "revocation_api.clients", "secrets.admin_tokens"];

/// The parts that can be changed.
#[derive(Clone)]
pub(super) struct Reloadable {
    pub(super) admins: Data<Admins>,
    pub(super) metrics: Data<Metrics>,
    pub(super) revocation_api: Data<RevocationApi>,
}

impl Reloadable {
    /// Reloads at each of these signals. Those that come during a reload are one.
    pub(super) fn follow(
        self,
        mut hangups: Signal,
        mut said: Said,
        sources: Sources,
        filter: LogFilter,
    ) -> JoinHandle<()> {
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                let sources = sources.clone();
                // Files are read, and one may lie on a disk that hangs.
                match tokio::task::spawn_blocking(move || config::again(&sources)).await {
                    Ok(Ok((config, new, warnings))) => {
                        for warning in warnings {
                            tracing::warn!("{warning}");
                        }
                        self.take_over(&config, &mut said, &new, &filter);
                    }
                    Ok(Err(problems)) => refuse(&problems),
                    Err(error) => tracing::error!(error = %error, "{REFUSED}"),
                }
            }
        })
    }

    fn take_over(&self, config: &Config, said: &mut Said, new: &Said, filter: &LogFilter) {
        let changed = new.changed(said);
        let (applied, left): (Vec<_>, Vec<_>) =
            changed.iter().map(String::as_str).partition(|key| is_applied(key));
        // Of these the filter alone could fail, and it was read before.
        if let Err(error) = self.apply(config, filter) {
            tracing::error!(error = %error, "{REFUSED}");
            return;
        }
        said.take_over(new, is_applied);
        tracing::info!(config.applied = applied.join(", "), "the configuration was read again");
        if !left.is_empty() {
            tracing::warn!(config.keys = left.join(", "), "these keys need a restart");
        }
    }

    fn apply(&self, config: &Config, filter: &LogFilter) -> Result<(), StartError> {
        filter.set(&config.log.filter)?;
        self.admins.replace(config.secrets.admin_tokens.clone());
        self.metrics.replace_tokens(scrapers(config));
        let clients = config.revocation_api.clients.iter().map(client_config).collect();
        self.revocation_api.replace_clients(clients);
        Ok(())
    }
}

const REFUSED: &str = "the configuration cannot be taken over; nothing changes";

fn refuse(problems: &[Problem]) {
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    tracing::error!(config.problems = problems.join("; "), "{REFUSED}");
}

fn is_applied(key: &str) -> bool {
    APPLIED.iter().any(|applied| {
        let rest = key.strip_prefix(applied);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '_']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_applied_is_told_by_its_key() {
        for key in [
            "log.filter",
            "secrets.admin_tokens[0]",
            "secrets.admin_tokens_files[0]",
            "revocation_api.clients",
            "revocation_api.clients[1].rate_limit.burst",
        ] {
            assert!(is_applied(key), "{key}");
        }
        for key in ["log.format", "log.filters", "secrets.master_key", "revocation_api.max_batch"] {
            assert!(!is_applied(key), "{key}");
        }
    }
}
