//! `portcullis jwt …` on the command line.

use clap::{Args, Subcommand};
use portcullis_base::secret::SecretString;
use portcullis_jwt_verify::Algorithm;

/// `portcullis jwt …`
#[derive(Debug, Subcommand)]
pub enum JwtCommand {
    /// Prove a token by its issuer's keys, and print its claims
    Verify(VerifyArgs),
    /// Print what a token says, without proving any of it
    Inspect {
        /// The token; '-' (the default) reads standard input and drops one final line feed
        #[arg(default_value = "-")]
        token: SecretString,
    },
}

/// What a token is held against.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The issuer's keys: a JWK set in a file, or at an https address
    #[arg(long, value_name = "FILE|URL")]
    pub jwks: String,
    /// Algorithms to allow, with commas between them [default: every asymmetric one]
    #[arg(long, value_name = "A,…", value_delimiter = ',')]
    pub alg: Vec<Algorithm>,
    /// The issuer that `iss` must be; then `exp` and `sub` are required
    #[arg(long, value_name = "I")]
    pub issuer: Option<String>,
    /// The audience that `aud` must be or have; then `exp` and `sub` are required
    #[arg(long, value_name = "A")]
    pub audience: Option<String>,
    /// How many seconds clocks may differ
    #[arg(long, value_name = "S", default_value_t = 30)]
    pub leeway: u32,
    /// The time to hold it against, in seconds since 1970 [default: now]
    #[arg(long, value_name = "UNIX")]
    pub at: Option<u64>,
    /// Take any payload: check signature and header alone, and print the payload as it is
    #[arg(long, conflicts_with_all = ["issuer", "audience"])]
    pub jws: bool,
    /// The token; '-' (the default) reads standard input and drops one final line feed
    #[arg(default_value = "-")]
    pub token: SecretString,
}
