//! Rate limits (the generic cell rate algorithm, by `governor`).

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

/// A limit for each address, an IPv6 network of 64 bits counting as one. Its memory is bounded:
/// quiet addresses are forgotten, and once too many are loud, all share one limit.
#[derive(Debug)]
pub struct PerAddress {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    checks: AtomicU32,
    full: AtomicBool,
}

/// After so many checks the addresses that have been quiet are forgotten.
const FORGET_EVERY: u32 = 4096;
/// So many addresses are kept apart.
const MOST_ADDRESSES: usize = 100_000;

impl PerAddress {
    /// The same limit for every address.
    pub fn new(rate: Rate) -> Self {
        Self {
            limiter: RateLimiter::keyed(rate.quota()),
            checks: AtomicU32::new(0),
            full: AtomicBool::new(false),
        }
    }

    /// Lets one from this address through, or says how long to wait.
    pub fn check(&self, address: IpAddr) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
            self.full.store(self.limiter.len() >= MOST_ADDRESSES, Ordering::Relaxed);
        }
        let full = self.full.load(Ordering::Relaxed);
        let key = if full { IpAddr::from([0; 16]) } else { network(address) };
        self.limiter.check_key(&key).map_err(|not_until| wait(&not_until))
    }
}

fn network(address: IpAddr) -> IpAddr {
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
        assert!(limit.limiter.len() <= FORGET_EVERY as usize, "{}", limit.limiter.len());
    }

    #[test]
    fn a_flood_of_addresses_is_kept_within_bounds() {
        let limit = PerAddress::new(rate(1, 1000));
        for n in 0..150_000_u32 {
            assert!(limit.check(IpAddr::from(n.to_be_bytes())).is_ok() || n > 100_000);
        }
        let most = MOST_ADDRESSES + FORGET_EVERY as usize;
        assert!(limit.limiter.len() <= most, "{}", limit.limiter.len());
    }
}
