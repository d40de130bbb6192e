//! `portcullis health`

use clap::Args;
use url::Url;

use super::SourceArgs;

/// Which gateway is asked, and what.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The gateway, up to `/health`; without it, its public listener on this machine, as the configuration has it
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// Ask `/ready`: whether its database answers too
    #[arg(long)]
    pub ready: bool,
    /// Where it says on which address it listens; not asked where that is said.
    #[command(flatten)]
    pub sources: SourceArgs,
}
