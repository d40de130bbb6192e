//! A token before anything of it is believed.

use std::fmt;
use std::sync::OnceLock;

use crate::header::Header;
use crate::registered::Registered;
use crate::{Error, base64url};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// A token in JWS compact serialization (RFC 7515, section 7.1) that is well-formed, and nothing more:
/// it shows what is needed to find the verifier and the key, and no other claim.
#[derive(Clone)]
pub struct Unverified<'a> {
    header: Header,
    /// Header and payload as they were signed.
    pub(crate) signed: &'a str,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    registered: OnceLock<Result<Registered, Error>>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart. All three segments are decoded; the payload may be anything.
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_TOKEN {
            return Err(Error::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Error::Segments)?;
        let (header, payload) = signed.split_once('.').ok_or(Error::Segments)?;
        if payload.contains('.') {
            return Err(Error::Segments);
        }
        let decode = |segment: &str| base64url::decode(segment).ok_or(Error::Base64);
        Ok(Self {
            header: Header::read(&decode(header)?)?,
            signed,
            payload: decode(payload)?,
            signature: decode(signature)?,
            registered: OnceLock::new(),
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Who the token says that it is from. `None` where the claim is missing, or any registered claim cannot
    /// be read: to choose whom to ask, [`claimed_issuers`](crate::claimed_issuers) takes broken ones too.
    pub fn issuer(&self) -> Option<&str> {
        self.claims().as_ref().ok()?.issuer.as_deref()
    }

    /// What is wrong with the claims as JSON, and with the registered ones as types: what a verifier says
    /// of a token whose signature holds, before it looks at what they say. For whoever wants to know why
    /// a token is refused.
    pub fn claims_error(&self) -> Option<&Error> {
        self.claims().as_ref().err()
    }

    fn claims(&self) -> &Result<Registered, Error> {
        self.registered.get_or_init(|| Registered::read(&self.payload))
    }

    /// The registered claims and the payload that they were read from.
    pub(crate) fn into_claims(self) -> Result<(Registered, Vec<u8>), Error> {
        let read = self.registered.into_inner();
        let registered = read.unwrap_or_else(|| Registered::read(&self.payload))?;
        Ok((registered, self.payload))
    }
}

/// Whoever reads a token may use it: nothing of it but the header shows.
impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "eyJhbGciOiJFUzI1NiJ9";

    #[test]
    fn three_segments_are_a_token() {
        for token in ["", ".", "..", "a", "a.b", ".a.b", "a.b.c.d", "a.b.c.", "...."] {
            let error = Unverified::parse(token).unwrap_err();
            assert!(
                matches!(error, Error::Segments | Error::HeaderJson | Error::Base64),
                "{token:?}"
            );
        }
        assert_eq!(Unverified::parse(&".".repeat(1 << 20)).unwrap_err(), Error::TooLong);
        let token = format!("{HEADER}.e30.AA");
        assert_eq!(Unverified::parse(&token).unwrap().signature, [0]);
        for token in [format!("{HEADER}.e30=.AA"), format!("{HEADER}.e30.AB"), format!(" {token}")]
        {
            assert_eq!(Unverified::parse(&token).unwrap_err(), Error::Base64, "{token}");
        }
    }

    #[test]
    fn a_log_sees_the_header_alone() {
        let token = format!("{HEADER}.eyJpc3MiOiJhIn0.AA");
        let shown = format!("{:?}", Unverified::parse(&token).unwrap());
        assert!(shown.contains("Es256"), "{shown}");
        for hidden in [HEADER, "eyJpc3MiOiJhIn0", "[123, 34, 105", "[0]", "iss"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }

    #[test]
    fn the_issuer_is_all_that_is_told_before_the_signature() {
        let token = format!("{HEADER}.eyJpc3MiOiJhIn0.AA");
        assert_eq!(Unverified::parse(&token).unwrap().issuer(), Some("a"));
        for payload in ["e30", "W10", "eyJpc3MiOjF9", "AA"] {
            let token = format!("{HEADER}.{payload}.AA");
            assert_eq!(Unverified::parse(&token).unwrap().issuer(), None, "{payload}");
        }
        for (payload, error) in [
            ("eyJpc3MiOiJhIn0", None),
            ("W10", Some(Error::ClaimsJson)),
            ("eyJpc3MiOjF9", Some(Error::Claim("iss"))),
        ] {
            let token = format!("{HEADER}.{payload}.AA");
            assert_eq!(Unverified::parse(&token).unwrap().claims_error(), error.as_ref());
        }
    }
}
