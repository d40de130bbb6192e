//! A token that is given as an argument, or comes in.

use std::io::{self, Read as _};

use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};

use crate::error::StartError;

// Far above any token.
const LONGEST: u64 = 1 << 20;

/// The argument, or where it is '-' what comes in, without one final line feed.
pub(super) fn or(argument: &SecretString) -> Result<Zeroizing<String>, StartError> {
    if argument.expose_secret() != "-" {
        return Ok(Zeroizing::new(argument.expose_secret().to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| StartError::new("stdin", error))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}
