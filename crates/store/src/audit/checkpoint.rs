//! What stands for entries that retention took away.

use super::{AuditKey, ChainId, MAC, Mac};

/// Says of a chain: everything up to this entry was there, was whole, and was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry that was taken away.
    pub seq: i64,
    /// Its MAC, which the next entry names.
    pub mac: Mac,
    /// The MAC of the chain's first entry, which the next chain names.
    pub opening: Mac,
    /// Whether that was the closing entry.
    pub closed: bool,
    /// When it was taken away, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
}

const LENGTH: usize = 8 + MAC + MAC + 1 + 8;

impl Checkpoint {
    /// Its bytes, with the MAC that makes it one for this chain alone.
    pub(super) fn sealed(&self, key: &AuditKey, number: i64, chain: &ChainId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH + MAC);
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.mac);
        bytes.extend(self.opening);
        bytes.push(u8::from(self.closed));
        bytes.extend(self.at.to_be_bytes());
        let mac = key.of_checkpoint(&bound(number, chain, &bytes));
        bytes.extend(mac);
        bytes
    }

    /// What was sealed for this chain; `None` for anything else.
    pub fn open(key: &AuditKey, number: i64, chain: &ChainId, sealed: &[u8]) -> Option<Self> {
        let (bytes, mac) = sealed.split_at_checked(LENGTH)?;
        if key.of_checkpoint(&bound(number, chain, bytes)) != mac {
            return None;
        }
        let (seq, rest) = bytes.split_first_chunk::<8>()?;
        let (mac, rest) = rest.split_first_chunk::<MAC>()?;
        let (opening, rest) = rest.split_first_chunk::<MAC>()?;
        let (closed, rest) = rest.split_first()?;
        Some(Self {
            seq: i64::from_be_bytes(*seq),
            mac: *mac,
            opening: *opening,
            closed: *closed == 1,
            at: i64::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

fn bound(number: i64, chain: &ChainId, bytes: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes(), chain.as_slice(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_good_for_its_chain_and_as_it_is() {
        let key = AuditKey::new(&[1; 32]);
        let one = Checkpoint { seq: 7, mac: [2; 32], opening: [3; 32], closed: true, at: 9 };
        let sealed = one.sealed(&key, 4, &[5; 16]);
        assert_eq!(Checkpoint::open(&key, 4, &[5; 16], &sealed), Some(one));
        assert_eq!(Checkpoint::open(&key, 5, &[5; 16], &sealed), None);
        assert_eq!(Checkpoint::open(&key, 4, &[6; 16], &sealed), None);
        assert_eq!(Checkpoint::open(&AuditKey::new(&[9; 32]), 4, &[5; 16], &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(Checkpoint::open(&key, 4, &[5; 16], &changed), None, "{at}");
            assert_eq!(Checkpoint::open(&key, 4, &[5; 16], &sealed[..at]), None, "{at}");
        }
    }
}
