//! `portcullis audit …` on the command line.

use std::path::PathBuf;

use clap::Subcommand;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::SourceArgs;

/// `portcullis audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Say whether the audit log is as it was written: 0 where it is, 2 where it is not, 1 where nobody can tell
    Verify {
        /// Heads that were exported before, each of which the log must still reach
        #[arg(long, value_name = "FILE")]
        head: Vec<PathBuf>,
        /// An export instead of the database, which is asked for its key alone
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Where the log is.
        #[command(flatten)]
        sources: SourceArgs,
    },
    /// Write where the log ends, under a MAC: to be kept where nobody who has the database can reach it
    Head {
        /// A file that is not there yet [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Where the log is.
        #[command(flatten)]
        sources: SourceArgs,
    },
    /// Write the log as lines of JSON, which `verify --file` proves
    Export {
        /// Leave out what is older (RFC 3339)
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<OffsetDateTime>,
        /// Leave out what is younger (RFC 3339)
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<OffsetDateTime>,
        /// Where the log is.
        #[command(flatten)]
        sources: SourceArgs,
    },
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "not a time such as 2026-11-21T09:30:00Z".into())
}
