//! `portcullis keys …` on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand};
use portcullis_jwt_verify::Algorithm;

use super::SourceArgs;

/// `portcullis keys …`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key, and the file where there is none
    Generate {
        /// Where the keys are.
        #[command(flatten)]
        place: KeyPlace,
        /// What is made.
        #[command(flatten)]
        key: NewKeyArgs,
        /// Put it beside one that signs by the same algorithm, where the configuration pins the one that signs
        #[arg(long)]
        beside: bool,
    },
    /// Make a key that is published now and signs later, and have those before it retired after their last token
    Rotate(RotateArgs),
    /// Tell of each key what it is now
    List(KeyPlace),
    /// Write the discovery document and the public keys as files, for a bucket or a CDN
    Export {
        /// The folder that stands for the issuer's address
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The issuer [default: that of the configuration]
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// Where the keys are.
        #[command(flatten)]
        place: KeyPlace,
    },
}

/// Where the keys are.
#[derive(Debug, Args)]
pub struct KeyPlace {
    /// The file of keys; the configuration is not read then [default: `jwks_file` of the configuration]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Where the configuration is.
    #[command(flatten)]
    pub sources: SourceArgs,
}

/// What key is made.
#[derive(Debug, Args)]
pub struct NewKeyArgs {
    /// By which algorithm it signs
    #[arg(long, value_name = "A")]
    pub alg: Algorithm,
    /// The length of an RSA key [default: 2048]
    #[arg(long, value_parser = PossibleValuesParser::new(["2048", "3072"])
        .map(|bits| if bits == "3072" { 3072_u32 } else { 2048 }))]
    pub bits: Option<u32>,
    /// Its name [default: its thumbprint, RFC 7638]
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub kid: Option<String>,
}

/// How a key follows another.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Where the keys are.
    #[command(flatten)]
    pub place: KeyPlace,
    /// What is made.
    #[command(flatten)]
    pub key: NewKeyArgs,
    /// How long the new key is published before it signs: longer than anybody keeps our keys
    #[arg(long, value_name = "DURATION", default_value = "24h",
        value_parser = humantime::parse_duration)]
    pub publish_for: Duration,
    /// The longest life of a token [default: `max_lifetime` of the configuration, else 24h]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub longest_token: Option<Duration>,
    /// Take keys of this algorithm out of the file that are retired already
    #[arg(long)]
    pub forget: bool,
}
