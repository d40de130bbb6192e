//! Tokens computed by another program. The signature and the digest of each vector come from
//!
//! ```sh
//! printf %s "$VALUE" | openssl dgst -sha256 -mac HMAC -macopt hexkey:"$KEY" -binary | basenc --base64url | tr -d =
//! printf %s "$VALUE" | openssl dgst -sha256 -r
//! ```
//!
//! with OpenSSL 3.0.19, where `KEY` is the hex of the vector's key.

use portcullis_pat::{DEFAULT_PREFIX, KeyRing, ParseError, SigningKey};

struct Vector {
    key: &'static [u8],
    token: &'static str,
    digest: &'static str,
}

const VECTORS: &[Vector] = &[
    Vector {
        key: b"0123456789abcdef0123456789abcdef",
        token: "gitpod_pat_0VYyyEYXmJGUPQrzxdYE2qxUxk4TBpfqG6d5pLBLZJU.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd",
        digest: "cd52b88dd44f85725c87b360182eae83abcc367fc4efa948d728f9acfc5a5f38",
    },
    Vector {
        key: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        token: "gitpod_pat_VFDs3kPhA4yocVuGzTOUHVz0WORjkQ9FN7o8GKZ3npM.zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONM",
        digest: "649013c277de6c62e106c2f6cac75986f383495d4ba2c031b29a35a001f00b5d",
    },
    Vector {
        // Longer than a block, so it is hashed first; and a value that only a holder of the key can make.
        key: &[0xaa; 131],
        token: "gitpod_pat_URN35qmyQiu0vOlZu3EUBzvVumLAtrS8Qu_sVd6PTQ4.Zq3.of.another-shape",
        digest: "a9bba564126a24273e62cce72d77112e40b4721aea11fcc94a53b880a0c793f8",
    },
];

fn ring(keys: &[&[u8]]) -> KeyRing {
    let keys = keys.iter().map(|key| SigningKey::from_bytes(key).unwrap()).collect();
    KeyRing::new(DEFAULT_PREFIX, keys).unwrap()
}

#[test]
fn each_is_read_with_its_key() {
    for Vector { key, token, digest } in VECTORS {
        let ring = ring(&[key]);
        let pat = ring.parse(token).unwrap();
        assert_eq!(pat.expose(), *token);
        assert_eq!(pat.digest().as_str(), *digest);
        assert_eq!(ring.verify(token).unwrap().as_str(), *digest);
    }
}

#[test]
fn each_is_refused_with_every_other_key() {
    for (i, vector) in VECTORS.iter().enumerate() {
        for (j, other) in VECTORS.iter().enumerate() {
            let result = ring(&[other.key]).verify(vector.token);
            if i == j {
                assert!(result.is_ok());
            } else {
                assert_eq!(result, Err(ParseError::Signature), "{i} {j}");
            }
        }
    }
}

#[test]
fn one_ring_reads_the_tokens_of_all_its_keys() {
    let keys: Vec<&[u8]> = VECTORS.iter().map(|vector| vector.key).collect();
    let ring = ring(&keys);
    for vector in VECTORS {
        assert_eq!(ring.verify(vector.token).unwrap().as_str(), vector.digest);
    }
}
