//! Personal access tokens: verified, and forged ones refused.

use std::hint::black_box;

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_base::SystemRandomness;
use portcullis_base::random::RngFrom;
use portcullis_pat::{DEFAULT_PREFIX, KeyRing, SigningKey};
use sha2::Sha256;

use crate::measure::rate;
use crate::row::Row;

/// The baseline is what nobody can do without: one HMAC-SHA256 of 40 bytes under a prepared key.
/// A verification also hashes the value and decodes the signature, hence the bar.
pub(crate) fn rows() -> Vec<Row> {
    let ring = KeyRing::new(DEFAULT_PREFIX, vec![SigningKey::new(&[7; 32]).expect("a key")])
        .expect("a ring");
    let pat = ring.generate(&mut RngFrom(&SystemRandomness));
    let forged = format!("{DEFAULT_PREFIX}{}.{}", "A".repeat(43), "x".repeat(40));
    let prepared = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("a key");
    let value = [b'x'; 40];
    let baseline = rate(|| {
        let mut mac = prepared.clone();
        mac.update(black_box(&value));
        black_box(mac.finalize().into_bytes());
    });
    let row = |what, ours, bar| Row::ratio(what, "a second", ours, baseline, bar);
    let verified = rate(|| {
        black_box(ring.verify(black_box(pat.expose())).is_ok());
    });
    vec![
        row("PAT verified, against one bare HMAC-SHA256", verified, 0.5),
        Row::bound(
            "PAT verified, a sixth of Go on the machine of reference",
            "ns",
            1e9 / verified,
            145.0,
        )
        .noting(format!("the bare HMAC takes {:.0} ns here", 1e9 / baseline)),
        row(
            "forged PAT refused, against one bare HMAC-SHA256",
            rate(|| {
                black_box(ring.verify(black_box(&forged)).is_ok());
            }),
            0.6,
        ),
    ]
}
