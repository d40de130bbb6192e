//! What a verifier asks of claims at every sight of a token.

use std::time::Duration;

use crate::Error;
use crate::registered::Registered;

#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// `iss` has to be one of them; `None`: any will do.
    pub(crate) issuers: Option<Vec<String>>,
    /// One of them has to be in `aud`; `None`: nothing is asked of it.
    pub(crate) audiences: Option<Vec<String>>,
    pub(crate) leeway: Duration,
    pub(crate) expiry_required: bool,
    pub(crate) subject_required: bool,
}

impl Policy {
    /// Holds claims against the policy. `now_ms`: milliseconds since 1970.
    pub(crate) fn check(&self, claims: &Registered, now_ms: i64) -> Result<(), Error> {
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        self.check_times(claims, now_ms)?;
        if self.subject_required { check_subject(claims) } else { Ok(()) }
    }

    fn check_issuer(&self, claims: &Registered) -> Result<(), Error> {
        let Some(wanted) = &self.issuers else { return Ok(()) };
        let issuer = claims.issuer.as_ref().ok_or(Error::ClaimMissing("iss"))?;
        // An empty text is a setting that was forgotten, and nobody's name.
        if !issuer.is_empty() && wanted.contains(issuer) { Ok(()) } else { Err(Error::Issuer) }
    }

    fn check_audience(&self, claims: &Registered) -> Result<(), Error> {
        let Some(wanted) = &self.audiences else { return Ok(()) };
        let audiences = claims.audiences.as_ref().ok_or(Error::ClaimMissing("aud"))?;
        let meant =
            audiences.iter().any(|audience| !audience.is_empty() && wanted.contains(audience));
        if meant { Ok(()) } else { Err(Error::Audience) }
    }

    /// A time is compared with the clock, and then, where that fails, with the clock as far off as the
    /// leeway allows. So without leeway a token is dead the moment `exp` strikes (RFC 7519,
    /// section 4.1.4), and with it until the leeway is used up to the last second.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of four-digit years are exact")]
    fn check_times(&self, claims: &Registered, now_ms: i64) -> Result<(), Error> {
        let now = now_ms as f64 / 1000.0;
        let leeway = self.leeway.as_secs_f64();
        match claims.expires_at {
            None if self.expiry_required => return Err(Error::ClaimMissing("exp")),
            Some(end) if now >= end && (leeway == 0.0 || now > end + leeway) => {
                return Err(Error::Expired);
            }
            None | Some(_) => {}
        }
        let lies_ahead = |time: Option<f64>| time.is_some_and(|time| now < time - leeway);
        if lies_ahead(claims.not_before) {
            return Err(Error::NotYetValid);
        }
        if lies_ahead(claims.issued_at) {
            return Err(Error::IssuedInFuture);
        }
        Ok(())
    }
}

/// What goes into logs, headers and rules as somebody's name has to be one.
fn check_subject(claims: &Registered) -> Result<(), Error> {
    let subject = claims.subject.as_ref().ok_or(Error::ClaimMissing("sub"))?;
    let is_a_name = !subject.trim().is_empty() && !subject.chars().any(char::is_control);
    if is_a_name { Ok(()) } else { Err(Error::Claim("sub")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(leeway: u64) -> Policy {
        Policy {
            issuers: None,
            audiences: None,
            leeway: Duration::from_secs(leeway),
            expiry_required: true,
            subject_required: false,
        }
    }

    fn at(seconds: i64, leeway: u64, claims: &Registered) -> Result<(), Error> {
        policy(leeway).check(claims, seconds * 1000)
    }

    #[test]
    fn the_leeway_is_exact_to_the_second() {
        let claims = Registered { expires_at: Some(1000.0), ..Registered::default() };
        assert_eq!(at(999, 0, &claims), Ok(()));
        assert_eq!(at(1000, 0, &claims), Err(Error::Expired));
        assert_eq!(at(1030, 30, &claims), Ok(()));
        assert_eq!(at(1031, 30, &claims), Err(Error::Expired));
        let begins = |not_before, issued_at| Registered { not_before, issued_at, ..claims.clone() };
        for (claims, error) in [
            (begins(Some(500.0), None), Error::NotYetValid),
            (begins(None, Some(500.0)), Error::IssuedInFuture),
        ] {
            assert_eq!(at(500, 0, &claims), Ok(()));
            assert_eq!(at(499, 0, &claims), Err(error.clone()));
            assert_eq!(at(470, 30, &claims), Ok(()));
            assert_eq!(at(469, 30, &claims), Err(error));
        }
    }

    #[test]
    fn a_subject_is_a_name() {
        let policy = Policy { expiry_required: false, subject_required: true, ..policy(0) };
        let check = |subject: Option<&str>| {
            let subject = subject.map(str::to_owned);
            policy.check(&Registered { subject, ..Registered::default() }, 0)
        };
        assert_eq!(check(Some("project_path:a/b:ref:main")), Ok(()));
        assert_eq!(check(None), Err(Error::ClaimMissing("sub")));
        for subject in ["", " ", "\u{a0}", "a\0", "a\r\nb", "a\u{85}"] {
            assert_eq!(check(Some(subject)), Err(Error::Claim("sub")), "{subject:?}");
        }
    }

    #[test]
    fn issuer_and_audience_are_compared_as_they_stand() {
        let policy = Policy {
            issuers: Some(vec!["https://i".into(), "i".into()]),
            audiences: Some(vec!["a".into(), "b".into()]),
            expiry_required: false,
            ..policy(0)
        };
        let check = |issuer: Option<&str>, audiences: Option<&[&str]>| {
            let issuer = issuer.map(str::to_owned);
            let audiences = audiences.map(|all| all.iter().map(|&one| one.to_owned()).collect());
            policy.check(&Registered { issuer, audiences, ..Registered::default() }, 0)
        };
        let good = Some("https://i");
        for issuer in [good, Some("i")] {
            assert_eq!(check(issuer, Some(&["x", "b"])), Ok(()));
        }
        assert_eq!(check(None, Some(&["a"])), Err(Error::ClaimMissing("iss")));
        for issuer in [
            "",
            "I",
            "https://i,i",
            "https://i/",
            "http://i",
            "HTTPS://i",
            "https://i:443",
            "https://i ",
        ] {
            assert_eq!(check(Some(issuer), Some(&["a"])), Err(Error::Issuer), "{issuer:?}");
        }
        assert_eq!(check(good, None), Err(Error::ClaimMissing("aud")));
        for audience in ["", "A", "a/", "a b", "a,b", "*"] {
            assert_eq!(check(good, Some(&[audience])), Err(Error::Audience), "{audience:?}");
        }
        assert_eq!(check(good, Some(&[])), Err(Error::Audience));
    }

    #[test]
    fn what_was_forgotten_fits_nobody() {
        let claims = Registered {
            issuer: Some(String::new()),
            audiences: Some(vec![String::new()]),
            ..Registered::default()
        };
        let free = Policy { expiry_required: false, ..policy(0) };
        assert_eq!(free.check(&claims, 0), Ok(()));
        for issuers in [vec![], vec![String::new()], vec!["i".into(), String::new()]] {
            let issuer = Policy { issuers: Some(issuers), ..free.clone() };
            assert_eq!(issuer.check(&claims, 0), Err(Error::Issuer));
        }
        let audience = Policy { audiences: Some(vec![String::new()]), ..free };
        assert_eq!(audience.check(&claims, 0), Err(Error::Audience));
    }
}
