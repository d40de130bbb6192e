//! `portcullis doctor`

use std::path::PathBuf;

use clap::Args;
use url::Url;

use super::SourceArgs;

/// Which gateway is tried, and as whom.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The gateway as GitLab shall call it, up to `/v1`; without it, `server.public_url` of the configuration,
    /// or where it says that the gateway listens
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// A file with the token of a client of the revocation API; without it, that of the configuration or
    /// the data directory
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Where to look for what is not said here; not asked when both are.
    #[command(flatten)]
    pub sources: SourceArgs,
}
