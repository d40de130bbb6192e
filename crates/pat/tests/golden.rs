//! Tokens computed by another program.
//!
//! With `VALUE` the 40 characters below and the key as hex:
//!
//! ```sh
//! printf %s "$VALUE" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY -binary |
//!     openssl base64 -A | tr '+/' '-_' | tr -d =
//! printf %s "$VALUE" | openssl dgst -sha256 -r
//! ```

use portcullis_pat::{DEFAULT_PREFIX, KeyRing, ParseError, SigningKey};

struct Golden {
    key: Vec<u8>,
    value: &'static str,
    signature: &'static str,
    digest: &'static str,
}

fn vectors() -> [Golden; 3] {
    [
        // KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
        Golden {
            key: (0..32).collect(),
            value: "0123456789abcdefghijABCDEFGHIJ0123456789",
            signature: "wMwiZuhVY7x_G3iATmDWwZBGz0BDrbKTv26mIpap8DE",
            digest: "49dce27a35d7c4207f1c42d7548e3ae58c7c5728213c13d4b5253572e4f80dca",
        },
        // KEY=ff repeated 16 times: the shortest that is taken.
        Golden {
            key: vec![0xff; 16],
            value: "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
            signature: "CMdXqIqXRdPeheJ4JmwVcK8qsYXYWUOnda4bSRDDR3Q",
            digest: "eb90d2a5d7d771b2a83c96e180722ae5608f68611f2dcdc865342d7bd332ae56",
        },
        // KEY=61 repeated 100 times: longer than a block of the hash.
        Golden {
            key: vec![0x61; 100],
            value: "PortcullisPortcullisPortcullisPortcullis",
            signature: "pCkb8ktMId8KqB3eSNieSdNjm0q7oZ_XjMyGjC8VIqM",
            digest: "c2b77c94eab054b75b378655f14a32df391552a8fdf74dbd480072748c425643",
        },
    ]
}

#[test]
fn tokens_made_elsewhere_verify_and_have_the_same_digest() {
    for golden in vectors() {
        let ring =
            KeyRing::new(DEFAULT_PREFIX, vec![SigningKey::new(&golden.key).unwrap()]).unwrap();
        let token = format!("{DEFAULT_PREFIX}{}.{}", golden.signature, golden.value);
        assert_eq!(ring.verify(&token).unwrap().as_str(), golden.digest);
        assert_eq!(ring.parse(&token).unwrap().expose(), token);
        let other = SigningKey::new(b"another key of 24 bytes!").unwrap();
        let other = KeyRing::new(DEFAULT_PREFIX, vec![other]).unwrap();
        assert_eq!(other.verify(&token).unwrap_err(), ParseError::Forged);
    }
}
