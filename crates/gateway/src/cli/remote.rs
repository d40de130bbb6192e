//! The commands that talk to a running gateway.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use portcullis_store::queue::State;
use url::Url;
use uuid::Uuid;

use super::SourceArgs;

/// Which gateway, and who asks.
#[derive(Debug, Args)]
pub struct RemoteArgs {
    /// The gateway: its public listener for `pats`, its admin listener for `revocations`; without
    /// it, where the configuration says that they listen
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// A file with the admin token; without it, that of the configuration or the data directory
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Which certificates are believed and shown.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Where to look for what is not said here; not asked when both are.
    #[command(flatten)]
    pub sources: SourceArgs,
}

/// Which certificates are believed and shown.
#[derive(Debug, Args)]
pub struct TlsArgs {
    /// Certificates (PEM) of a private CA, believed beside the system's; without it, those of `http.ca_file` in
    /// the configuration
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// A certificate (PEM) to show to a listener that asks for one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Its private key (PEM, not encrypted)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
}

/// How much of a list, and from where.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How many at the most
    #[arg(long, value_name = "N", default_value = "100")]
    pub limit: NonZeroU32,
    /// Go on after a list that was cut off: what that one named as `next`
    #[arg(long, value_name = "NEXT")]
    pub after: Option<String>,
}

/// `portcullis pats …`
#[derive(Debug, Subcommand)]
pub enum PatsCommand {
    /// Make a token; it is printed this once, alone on standard output
    Create {
        /// What it shall be.
        #[command(flatten)]
        new: NewPatArgs,
        /// Where.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// List tokens, oldest first, without what would let one use them
    List {
        /// Only those of this owner
        #[arg(long)]
        owner: Option<String>,
        /// How much.
        #[command(flatten)]
        page: ListArgs,
        /// Where.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Revoke tokens; they stay in the list
    Revoke {
        /// Their ids, as `create` and `list` tell them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<Uuid>,
        /// Where.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

impl PatsCommand {
    /// Which gateway.
    pub fn remote(&self) -> &RemoteArgs {
        match self {
            Self::Create { remote, .. }
            | Self::List { remote, .. }
            | Self::Revoke { remote, .. } => remote,
        }
    }
}

/// What a new PAT shall be.
#[derive(Debug, Args)]
pub struct NewPatArgs {
    /// What people call it
    #[arg(long)]
    pub name: String,
    /// For whom it speaks, such as user:ann@example.com
    #[arg(long)]
    pub owner: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// What it may do; several times, or separated by commas
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    pub scopes: Vec<String>,
    /// When it ends.
    #[command(flatten)]
    pub expiry: ExpiryArgs,
}

/// When a new PAT ends: one of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ExpiryArgs {
    /// When it ends, as RFC 3339 has it: 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub expires_at: Option<String>,
    /// How long it lives from now on: 12h, 30d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub expires_in: Option<Duration>,
}

/// `portcullis revocations …`
#[derive(Debug, Subcommand)]
pub enum RevocationsCommand {
    /// List reported secrets, oldest first; a secret itself is never shown
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<StateArg>,
        /// How much.
        #[command(flatten)]
        page: ListArgs,
        /// Where.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Show which token it was, every attempt to revoke it, and where it was seen
    Show {
        /// The first 8 or more hex digits of its fingerprint, as lists and logs print them
        #[arg(value_name = "FINGERPRINT")]
        fingerprint: Beginning,
        /// Where.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Try again what failed, while its secret is kept
    Retry(OperateArgs),
    /// Let what is held be revoked
    Approve(OperateArgs),
    /// Take out of the queue what waits, and erase the secret
    Cancel(OperateArgs),
}

impl RevocationsCommand {
    /// Which gateway.
    pub fn remote(&self) -> &RemoteArgs {
        match self {
            Self::List { remote, .. } | Self::Show { remote, .. } => remote,
            Self::Retry(args) | Self::Approve(args) | Self::Cancel(args) => &args.remote,
        }
    }
}

/// What an operator's hand is laid on.
#[derive(Debug, Args)]
pub struct OperateArgs {
    /// The first 8 or more hex digits of their fingerprints, as lists and logs print them
    #[arg(required = true, value_name = "FINGERPRINT")]
    pub fingerprints: Vec<Beginning>,
    /// Where.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// How a fingerprint begins: 8 to 64 hex digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning(String);

impl Beginning {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Beginning {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err("must be 8 to 64 hex digits") }
    }
}

/// A state's name on the command line.
#[derive(Debug, Clone, Copy)]
pub struct StateArg(pub State);

impl ValueEnum for StateArg {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [StateArg; State::ALL.len()] = {
            let mut all = [StateArg(State::Pending); State::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = StateArg(State::ALL[at]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_begins_with_eight_hex_digits() {
        let whole = "Ab".repeat(32);
        assert_eq!(whole.parse::<Beginning>().unwrap().as_str(), "ab".repeat(32));
        assert_eq!("01234567".parse::<Beginning>().unwrap().as_str(), "01234567");
        for bad in ["", "0123456", "0123456g", "01234567…", "ääää", &format!("{whole}0")] {
            assert!(bad.parse::<Beginning>().is_err(), "{bad}");
        }
    }
}
