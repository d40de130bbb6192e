//! A `jti` of ours that says, to us, of which upstream token it was made: so nothing has to be written down
//! for the day on which it leaks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_base::Randomness;
use portcullis_oidc_proxy::record::Origin;
use portcullis_revocation::issuance::digest;
use portcullis_store::issuances::Digest;

const RANDOM: usize = 16;
const EXPIRY: usize = 8;
const DIGEST: usize = 32;

/// The last second of the year 9999, as for the times of every JWT that is proved.
const LATEST: i64 = 253_402_300_799;

/// What is known of an upstream token by the `jti` of ours: 16 random bytes, its expiry in seconds since
/// 1970 (8 bytes, big-endian), and, where it has a `jti`, its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SelfContained {
    pub(super) expires_at: i64,
    pub(super) digest: Option<Digest>,
}

/// Stands for an upstream token; `None` where it has no name by which it could be known again.
pub(super) fn digest_of(origin: &Origin<'_>) -> Option<Digest> {
    // The broker knows the same issuers: what was used there was not used here.
    origin.id.map(|id| digest(&["oidc_proxy", origin.issuer, id]))
}

impl SelfContained {
    pub(super) fn of(origin: &Origin<'_>) -> Self {
        Self { expires_at: origin.expires_at.unix_timestamp(), digest: digest_of(origin) }
    }

    /// A fresh `jti` with it: base64url without padding.
    pub(super) fn with(&self, random: &dyn Randomness) -> String {
        let mut bytes = Vec::with_capacity(RANDOM + EXPIRY + DIGEST);
        bytes.resize(RANDOM, 0);
        random.fill(&mut bytes);
        bytes.extend(self.expires_at.to_be_bytes());
        bytes.extend(self.digest.iter().flatten());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What such a `jti` says; `None` of any other text, those of earlier versions among them.
    pub(super) fn read(id: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (expiry, digest) = bytes.get(RANDOM..)?.split_at_checked(EXPIRY)?;
        let expires_at = i64::from_be_bytes(expiry.try_into().ok()?);
        let digest = match digest {
            [] => None,
            digest => Some(digest.try_into().ok()?),
        };
        (0..=LATEST).contains(&expires_at).then_some(Self { expires_at, digest })
    }
}

#[cfg(test)]
mod tests {
    use portcullis_base::SystemRandomness;
    use time::OffsetDateTime;

    use super::*;

    fn origin(id: Option<&str>) -> Origin<'_> {
        let expires_at = OffsetDateTime::from_unix_timestamp(1_900_000_000).unwrap();
        Origin { issuer: "https://gitlab.internal", id, expires_at }
    }

    #[test]
    fn what_it_was_made_of_is_read_from_it() {
        for (id, length) in [(Some("7"), 75), (None, 32)] {
            let meant = SelfContained::of(&origin(id));
            let (one, other) = (meant.with(&SystemRandomness), meant.with(&SystemRandomness));
            assert_ne!(one, other, "each is fresh");
            assert_eq!(one.len(), length);
            for id in [one, other] {
                assert_eq!(SelfContained::read(&id), Some(meant));
            }
            assert_eq!(meant.expires_at, 1_900_000_000);
            assert_eq!(meant.digest.is_some(), id.is_some());
        }
        assert_ne!(digest_of(&origin(Some("7"))), digest_of(&origin(Some("8"))));
        let elsewhere = Origin { issuer: "https://other.internal", ..origin(Some("7")) };
        assert_ne!(digest_of(&elsewhere), digest_of(&origin(Some("7"))));
    }

    #[test]
    fn any_other_text_says_nothing() {
        let good = SelfContained::of(&origin(Some("7"))).with(&SystemRandomness);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        for id in [
            "",
            "7",
            "0192f3c1-4b1e-7c7a-9f40-3c2f3f1d2a11",
            &format!("{good}A"),
            &good[..74],
            &format!("{good}="),
            &encode(&[0; 23]),
            &encode(&[0; 25]),
            &encode(&[0; 55]),
            &encode(&[0; 57]),
            &encode(&[0xff; 56]),
            &encode(&[0x7f; 56]),
        ] {
            assert_eq!(SelfContained::read(id), None, "{id}");
        }
    }
}
