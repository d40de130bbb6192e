//! The command line.

mod audit;
mod doctor;
mod health;
mod jwt;
mod keys;
mod remote;
mod report;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use portcullis_base::secret::SecretString;

use crate::config::{Environment, Sources};
use crate::data_dir::{self, DataDir, SecretName};
pub use audit::AuditCommand;
pub use doctor::DoctorArgs;
pub use health::HealthArgs;
pub use jwt::{JwtCommand, VerifyArgs};
pub use keys::{KeyPlace, KeysCommand, NewKeyArgs, RotateArgs};
pub use remote::{
    Beginning, ExpiryArgs, ListArgs, NewPatArgs, OperateArgs, PatsCommand, RemoteArgs,
    RevocationsCommand, StateArg, TlsArgs,
};
pub use report::{ReportArgs, ReportFormat};

/// One self-hosted gateway for the tokens around your GitLab and your Gerrit.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print JSON, for machines
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway
    Serve(SourceArgs),
    /// Watch the whole loop: a gateway and a pretended GitLab in one process, a line per step
    Demo {
        /// Leave after the last step instead of serving on
        #[arg(long)]
        once: bool,
    },
    /// Validate the configuration, tell every problem, make nothing
    Check {
        /// Where the configuration is.
        #[command(flatten)]
        sources: SourceArgs,
        /// Ask every upstream too: issuers' keys, each GitLab and its admin token, the database
        #[arg(long)]
        online: bool,
    },
    /// Play GitLab's part against a running gateway: address, TLS, token, types, a harmless report; and print
    /// what to set in GitLab
    Doctor(DoctorArgs),
    /// Ask a running gateway whether it lives, or is ready: one line, and 0 or 1
    Health(HealthArgs),
    /// Bring the database to this version
    Migrate {
        /// Where the database is named.
        #[command(flatten)]
        sources: SourceArgs,
        /// Say what would be applied, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Copy the SQLite database into a new file, also while a gateway uses it
    Backup {
        /// Where the database is.
        #[command(flatten)]
        sources: SourceArgs,
        /// The file, which must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Prove the audit log, and take it elsewhere; beside a running gateway, or without one
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look at the gateway's own secrets, and change the master key
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Say why a job would be given a token, or would not; without claims, what the rules are
    Explain {
        /// Where the rules are.
        #[command(flatten)]
        sources: SourceArgs,
        /// The claims of a job as a JSON file, or its JWT; '-' reads either from standard input
        #[arg(long, value_name = "FILE|TOKEN|-")]
        claims: Option<SecretString>,
    },
    /// Work with personal access tokens, without a gateway
    #[command(subcommand)]
    Pat(PatCommand),
    /// Look at a JWT, and prove it
    #[command(subcommand)]
    Jwt(JwtCommand),
    /// Make and rotate what the re-signer signs with, in its file alone
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Move to the re-signer
    #[command(subcommand)]
    Oidc(OidcCommand),
    /// Make, list and revoke personal access tokens at a running gateway
    #[command(subcommand)]
    Pats(PatsCommand),
    /// Look at reported secrets at a running gateway, and take a hand in what becomes of them
    #[command(subcommand)]
    Revocations(RevocationsCommand),
    /// Report the secrets that a scanner found to a running gateway, each to be revoked
    Report(ReportArgs),
}

/// `portcullis oidc …`
#[derive(Debug, Subcommand)]
pub enum OidcCommand {
    /// Print what an oidc-token-proxy is configured to do as the TOML that says the same here
    Import {
        /// Its configuration
        #[arg(value_name = "SITE.INI")]
        file: PathBuf,
    },
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub struct SourceArgs {
    /// The configuration file (TOML); without one, defaults and PORTCULLIS__* variables count
    #[arg(long, env = "PORTCULLIS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the database and secrets.toml live that the configuration does not place elsewhere
    #[arg(long, value_name = "DIR", default_value = data_dir::DEFAULT)]
    pub data_dir: PathBuf,
}

impl SourceArgs {
    /// The same for a shell, each after a space, as far as something was said.
    pub fn again(&self) -> String {
        let config = self.config.iter().map(|file| format!(" --config {}", quoted(file)));
        let data_dir = Some(&self.data_dir).filter(|path| *path != Path::new(data_dir::DEFAULT));
        let data_dir = data_dir.map(|path| format!(" --data-dir {}", quoted(path)));
        config.chain(data_dir).collect()
    }

    /// With the environment added.
    pub fn sources(&self, environment: &Environment) -> Sources {
        Sources {
            file: self.config.clone(),
            data_dir: DataDir::at(&self.data_dir),
            environment: environment.clone(),
        }
    }
}

/// A path as one word of a shell.
pub(crate) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// `portcullis secrets …`
#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// Print one secret, from the configuration or the data directory
    Show {
        /// Which one
        name: SecretArg,
        /// Where to look.
        #[command(flatten)]
        sources: SourceArgs,
    },
    /// Put another master key in the place of the present one; what hangs on it stays as it is
    RotateMasterKey(SourceArgs),
}

/// A secret's name on the command line.
#[derive(Debug, Clone, Copy)]
pub struct SecretArg(pub SecretName);

impl ValueEnum for SecretArg {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(SecretName::MasterKey),
            Self(SecretName::RevocationApiToken),
            Self(SecretName::AdminToken),
        ]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.as_str()))
    }
}

/// `portcullis pat …`
#[derive(Debug, Subcommand)]
pub enum PatCommand {
    /// Make a token, and print it and its digest
    Generate {
        /// How tokens are signed.
        #[command(flatten)]
        keys: KeyArgs,
    },
    /// Verify a token's signature, and print its digest
    Parse {
        /// How tokens are signed.
        #[command(flatten)]
        keys: KeyArgs,
        /// The token; '-' (the default) reads standard input and drops one final line feed
        #[arg(default_value = "-")]
        token: SecretString,
    },
}

/// The keys of tokens.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// Signing keys in base64url, one a line: the first signs, all verify
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// What every token begins with
    #[arg(long, value_name = "TEXT", default_value = portcullis_pat::DEFAULT_PREFIX)]
    pub prefix: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
