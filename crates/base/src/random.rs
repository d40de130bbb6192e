//! Randomness as a parameter.

use std::convert::Infallible;
use std::fmt::Debug;

use rand::TryRng;
use rand::rngs::SysRng;

/// A cryptographic source of random bytes.
pub trait Randomness: Debug + Send + Sync + 'static {
    /// Fills `bytes` with random data.
    ///
    /// # Panics
    /// Where the operating system has none to give: nothing of ours may go on without.
    fn fill(&self, bytes: &mut [u8]);

    /// A random UUID (version 4, RFC 9562 section 5.4), as its 16 bytes.
    fn uuid_v4(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        bytes
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(
        clippy::expect_used,
        reason = "getrandom fails only before the kernel's pool is seeded or under a broken \
                  sandbox; a token made without it would be worse than no process"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        SysRng.try_fill_bytes(bytes).expect("the operating system gives random bytes");
    }
}

/// A [`Randomness`] as the generator that `rand`'s functions take.
#[derive(Debug)]
pub struct RngFrom<'a>(pub &'a dyn Randomness);

impl TryRng for RngFrom<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand::TryCryptoRng for RngFrom<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        let id = SystemRandomness.uuid_v4();
        assert_eq!(id[6] >> 4, 4);
        assert_eq!(id[8] >> 6, 0b10);
    }

    #[test]
    fn the_adapter_passes_fresh_bytes_on() {
        let mut rng = RngFrom(&SystemRandomness);
        assert_ne!(rng.next_u64(), rng.next_u64());
    }
}
