//! What goes wrong, and when: all of it drawn from one seed before anything is started.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use portcullis_base::fault::Point;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::weather::Weather;

/// How many rounds lie between two in which a gateway stalls.
const STALL_EVERY: usize = 4;
/// The same for the outages that do not come by chance.
const OUTAGE_EVERY: usize = 8;

/// The faults of one run. The same numbers give the same plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// A kill each, one after the other.
    pub rounds: Vec<Round>,
}

/// What a plan is drawn for.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Kills, which is rounds.
    pub kills: usize,
    /// Acknowledged tokens to wait for, in all.
    pub tokens: usize,
    /// Gateways on one database.
    pub gateways: usize,
    /// Whether the database is a server that can go away, and replicas can be deaf to it.
    pub server: bool,
    /// Whether gateways can be ordered to die at points.
    pub points: bool,
}

/// One kill and what surrounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Which gateway dies.
    pub victim: usize,
    /// How.
    pub death: Death,
    /// Acknowledged tokens to wait for before the round is over.
    pub tokens: usize,
    /// What GitLab is like meanwhile.
    pub weather: Weather,
    /// The database's server goes away for so long, without a word or by a crash of its process.
    pub outage: Option<(Leaving, Duration)>,
    /// A gateway that hears no notification during the round.
    pub deaf: Option<usize>,
    /// A gateway, never the victim, that stands still for so long: longer than its leases last.
    pub stalled: Option<(usize, Duration)>,
}

/// How a gateway dies. Always by SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// From outside, so long after the round's tokens were acknowledged.
    After(Duration),
    /// By its own hand when it comes by a point for the given time.
    At(Point, u32),
    /// By its own hand on its first start, before it is ready.
    AtStart(Point),
}

/// How a server goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It cuts off its sessions and shuts down.
    Stop,
    /// It dies, and recovers from its log.
    Crash,
}

impl Plan {
    /// Draws a plan.
    pub fn draw(seed: u64, size: Size) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut points = Deck::of(orderable(size.server));
        let mut weathers = Deck::of(Weather::ALL.to_vec());
        let kills = size.kills.max(1);
        let round = |number: usize| {
            let death = if size.points && number % 2 == 1 {
                Death::At(points.next(&mut rng), rng.random_range(1..=5))
            } else {
                Death::After(Duration::from_millis(rng.random_range(0..250)))
            };
            let victim = rng.random_range(0..size.gateways);
            let stalls = size.server && size.gateways > 1 && number % STALL_EVERY == 2;
            let stalled = stalls.then(|| stall(&mut rng, victim, size.gateways));
            // What the stalled one holds must end by another before it comes back.
            let calm = rng.random_bool(0.4) || death.wants_calm() || stalls;
            let away = rng.random_bool(0.1) || number % OUTAGE_EVERY == 4;
            let outage = (size.server && away && !stalls).then(|| outage(&mut rng));
            Round {
                victim,
                death,
                tokens: size.tokens.div_ceil(kills),
                weather: if calm { Weather::Calm } else { weathers.next(&mut rng) },
                outage,
                deaf: (size.server && rng.random_bool(0.25))
                    .then(|| rng.random_range(0..size.gateways)),
                stalled,
            }
        };
        let mut rounds: Vec<Round> = (0..kills).map(round).collect();
        if let (Some(first), true) = (rounds.first_mut(), size.points) {
            first.death = Death::AtStart(Point::KeyKept);
        }
        Self { seed, rounds }
    }

    /// How often each point is ordered.
    pub fn ordered(&self) -> BTreeMap<&'static str, usize> {
        let mut ordered = BTreeMap::new();
        for round in &self.rounds {
            if let Death::At(point, _) | Death::AtStart(point) = round.death {
                *ordered.entry(point.name()).or_default() += 1;
            }
        }
        ordered
    }
}

impl Death {
    /// A gateway comes by these points only where GitLab answers.
    fn wants_calm(self) -> bool {
        matches!(self, Self::At(Point::Asked | Point::Called, _))
    }
}

/// Points that a gateway passes under this load, which lends no tokens: those on their way are met one by
/// one by the crash matrix (`gateway/tests/lending.rs`). Postgres takes a batch in one statement.
fn orderable(server: bool) -> Vec<Point> {
    let passed = |point: &Point| match point {
        Point::KeyKept
        | Point::Intended
        | Point::Created
        | Point::IssueWritten
        | Point::IssueCommitted
        | Point::OrphanFound
        | Point::OrphanRevoked
        | Point::MasterKeyMade
        | Point::KeyRewrapped
        | Point::Resealed
        | Point::MasterKeyRetired => false,
        Point::ReportWritten | Point::SettleWritten => !server,
        Point::ReportSealed
        | Point::ReportCommitted
        | Point::Claimed
        | Point::Asked
        | Point::Called
        | Point::Settled => true,
    };
    Point::ALL.into_iter().filter(passed).collect()
}

fn outage(rng: &mut StdRng) -> (Leaving, Duration) {
    let leaving = if rng.random_bool(0.5) { Leaving::Stop } else { Leaving::Crash };
    (leaving, Duration::from_millis(rng.random_range(100..2500)))
}

/// Another than the victim, for longer than the 3 s of the leases under test.
fn stall(rng: &mut StdRng, victim: usize, gateways: usize) -> (usize, Duration) {
    let other = (victim + rng.random_range(1..gateways)) % gateways;
    (other, Duration::from_millis(rng.random_range(4500..6000)))
}

/// Dealt one by one and shuffled anew when it is empty, so that nothing is left out for long.
struct Deck<T> {
    all: Vec<T>,
    left: Vec<T>,
}

impl<T: Copy> Deck<T> {
    fn of(all: Vec<T>) -> Self {
        Self { all, left: Vec::new() }
    }

    fn next(&mut self, rng: &mut StdRng) -> T {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            self.left.shuffle(rng);
        }
        // Just filled from a list that is never empty: both decks hold an enum's variants.
        self.left.pop().unwrap_or(self.all[0])
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gateway {} ", self.victim + 1)?;
        match self.death {
            Death::After(delay) => write!(f, "killed {} ms after its tokens", delay.as_millis())?,
            Death::At(point, count) => write!(f, "dies at {} no. {count}", point.name())?,
            Death::AtStart(point) => write!(f, "dies starting, at {}", point.name())?,
        }
        write!(f, "; GitLab {}", self.weather.name())?;
        if let Some((leaving, away)) = self.outage {
            let how = match leaving {
                Leaving::Stop => "stopped",
                Leaving::Crash => "crashed",
            };
            write!(f, "; Postgres {how} for {} ms", away.as_millis())?;
        }
        if let Some(deaf) = self.deaf {
            write!(f, "; gateway {} deaf", deaf + 1)?;
        }
        if let Some((stalled, pause)) = self.stalled {
            write!(f, "; gateway {} stalled for {} ms", stalled + 1, pause.as_millis())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { kills: 100, tokens: 10_000, gateways: 3, server: true, points: true };

    #[test]
    fn the_same_seed_replays_the_same_faults() {
        assert_eq!(Plan::draw(7, SIZE), Plan::draw(7, SIZE));
        assert_ne!(Plan::draw(7, SIZE).rounds, Plan::draw(8, SIZE).rounds);
        let words = |seed| Plan::draw(seed, SIZE).rounds.iter().map(Round::to_string).collect();
        let (once, again): (Vec<String>, Vec<String>) = (words(7), words(7));
        assert_eq!(once, again);
    }

    #[test]
    fn nothing_is_left_out() {
        for server in [true, false] {
            let plan = Plan::draw(1, Size { server, ..SIZE });
            assert_eq!(plan.rounds.len(), 100);
            assert!(plan.rounds.iter().map(|r| r.tokens).sum::<usize>() >= 10_000);
            for point in orderable(server) {
                let dies_there =
                    |round: &Round| matches!(round.death, Death::At(at, _) if at == point);
                assert!(plan.rounds.iter().any(dies_there), "{point:?}");
            }
            for weather in Weather::ALL {
                assert!(plan.rounds.iter().any(|round| round.weather == weather), "{weather:?}");
            }
            assert_eq!(plan.rounds.iter().any(|round| round.outage.is_some()), server);
            assert_eq!(plan.rounds.iter().any(|round| round.deaf.is_some()), server);
            assert_eq!(plan.rounds.iter().any(|round| round.stalled.is_some()), server);
        }
    }

    #[test]
    fn one_stalls_while_another_goes_on() {
        for gateways in [2, 3] {
            let plan = Plan::draw(1, Size { kills: 12, gateways, ..SIZE });
            let stalls: Vec<&Round> = plan.rounds.iter().filter(|r| r.stalled.is_some()).collect();
            assert_eq!(stalls.len(), 3);
            for round in stalls {
                let (stalled, pause) = round.stalled.unwrap();
                assert!(stalled != round.victim && stalled < gateways, "{round}");
                assert!(pause > Duration::from_secs(4), "{round}");
                assert_eq!((round.outage, round.weather), (None, Weather::Calm));
            }
        }
        let alone = Plan::draw(1, Size { gateways: 1, ..SIZE });
        assert!(alone.rounds.iter().all(|round| round.stalled.is_none()));
    }

    #[test]
    fn without_points_every_death_comes_from_outside() {
        let plan = Plan::draw(1, Size { points: false, ..SIZE });
        assert!(plan.rounds.iter().all(|round| matches!(round.death, Death::After(_))));
    }
}
