//! Rate limits (the generic cell rate algorithm, by `governor`).

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

/// How much is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: NonZeroU32,
    /// At once.
    pub burst: NonZeroU32,
}

impl Rate {
    fn quota(self) -> Quota {
        Quota::per_second(self.per_second).allow_burst(self.burst)
    }
}

type Now = <DefaultClock as governor::clock::Clock>::Instant;

fn wait(not_until: &NotUntil<Now>) -> Duration {
    not_until.wait_time_from(DefaultClock::default().now())
}

/// One caller's limit.
#[derive(Debug)]
pub struct PerClient(DefaultDirectRateLimiter);

impl PerClient {
    /// A limit of its own.
    pub fn new(rate: Rate) -> Self {
        Self(RateLimiter::direct(rate.quota()))
    }

    /// Lets one through, or says how long to wait.
    pub fn check(&self) -> Result<(), Duration> {
        self.0.check().map_err(|not_until| wait(&not_until))
    }
}

/// A limit for each key. Its memory is bounded: quiet keys are forgotten, and once too many are loud, all
/// share one limit.
#[derive(Debug)]
pub struct PerKey<K: Hash + Eq + Clone> {
    /// `None` stands for all, once there are too many.
    limiter: DefaultKeyedRateLimiter<Option<K>>,
    checks: AtomicU32,
    full: AtomicBool,
}

/// After so many checks the keys that have been quiet are forgotten.
const FORGET_EVERY: u32 = 4096;
/// So many keys are kept apart.
const MOST_KEYS: usize = 100_000;

impl<K: Hash + Eq + Clone> PerKey<K> {
    /// The same limit for every key.
    pub fn new(rate: Rate) -> Self {
        Self {
            limiter: RateLimiter::keyed(rate.quota()),
            checks: AtomicU32::new(0),
            full: AtomicBool::new(false),
        }
    }

    /// Lets one of this key through, or says how long to wait.
    pub fn check(&self, key: K) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
            self.full.store(self.limiter.len() >= MOST_KEYS, Ordering::Relaxed);
        }
        let key = (!self.full.load(Ordering::Relaxed)).then_some(key);
        self.limiter.check_key(&key).map_err(|not_until| wait(&not_until))
    }
}

/// A limit for each address, an IPv6 network of 64 bits counting as one.
#[derive(Debug)]
pub struct PerAddress(PerKey<IpAddr>);

impl PerAddress {
    /// The same limit for every address.
    pub fn new(rate: Rate) -> Self {
        Self(PerKey::new(rate))
    }

    /// Lets one from this address through, or says how long to wait.
    pub fn check(&self, address: IpAddr) -> Result<(), Duration> {
        self.0.check(network(address))
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    #[test]
    fn a_burst_passes_and_then_one_waits() {
        let limit = PerClient::new(rate(1, 3));
        for _ in 0..3 {
            limit.check().unwrap();
        }
        let wait = limit.check().unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    }

    #[test]
    fn addresses_have_limits_of_their_own_and_networks_share_one() {
        let limit = PerAddress::new(rate(1, 1));
        let check = |address: &str| limit.check(address.parse().unwrap()).is_ok();
        assert!(check("192.0.2.1") && !check("192.0.2.1") && check("192.0.2.2"));
        assert!(!check("::ffff:192.0.2.1"), "the same address in IPv6 clothes");
        assert!(check("2001:db8::1") && !check("2001:db8::2") && check("2001:db8:0:1::1"));
    }

    #[test]
    fn quiet_addresses_are_forgotten() {
        let limit = PerAddress::new(rate(1_000_000, 1));
        for n in 0..3 * FORGET_EVERY {
            assert!(limit.check(IpAddr::from(n.to_be_bytes())).is_ok());
        }
        assert!(limit.0.limiter.len() <= FORGET_EVERY as usize, "{}", limit.0.limiter.len());
    }

    #[test]
    fn a_flood_of_addresses_is_kept_within_bounds() {
        let limit = PerAddress::new(rate(1, 1000));
        for n in 0..150_000_u32 {
            assert!(limit.check(IpAddr::from(n.to_be_bytes())).is_ok() || n > 100_000);
        }
        let most = MOST_KEYS + FORGET_EVERY as usize;
        assert!(limit.0.limiter.len() <= most, "{}", limit.0.limiter.len());
    }
}
