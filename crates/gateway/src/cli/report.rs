//! `portcullis report` on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use url::Url;

/// What is reported, and to whom.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A gl-secret-detection-report.json, or a JSON report of gitleaks; '-' reads standard input
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    /// The gateway's public listener, with the path under which its Token Revocation API lives
    #[arg(long, value_name = "URL")]
    pub url: Url,
    /// A file with a client's token; without it, the variable `PORTCULLIS_REPORT_TOKEN` holds one, or
    /// `PORTCULLIS_ID_TOKEN` the id token of this CI job
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// What the file is [default: as it begins]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
    /// Tell what would be sent, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Certificates (PEM) of a private CA, believed beside the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// How long to try again where the gateway is busy or away
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    pub patience: Duration,
}

/// The formats of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// GitLab's secret detection report, schemas 14 and 15
    Gitlab,
    /// The JSON report of gitleaks
    Gitleaks,
}

impl ReportFormat {
    /// What `--format` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gitlab => "gitlab",
            Self::Gitleaks => "gitleaks",
        }
    }
}
