//! Calls that were refused, counted: a flood of them must not fill the database.
//!
//! The first of its kind is told at once, those like it as one number when its minute is over.

use std::collections::HashMap;
use std::net::IpAddr;

use portcullis_store::audit::Told;
use portcullis_web::{By, Call, Outcome};

use super::entry;

/// How long calls of one kind are counted together, in milliseconds.
const WINDOW: i64 = 60_000;

/// Kinds that are counted apart at a time. What is beyond is one kind of its own for each route and code.
const KINDS: usize = 256;

/// What refused calls have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    route: String,
    address: Option<IpAddr>,
    by: Option<(By, String)>,
    outcome: Outcome,
    status: Option<u16>,
    code: Option<&'static str>,
}

struct Count {
    call: Call,
    since: i64,
    more: u64,
}

/// What was refused in the last minute.
#[derive(Default)]
pub(super) struct Refused(HashMap<Kind, Count>);

impl Refused {
    /// Takes a refused call; gives the entry of one that is the first of its kind.
    pub(super) fn take(&mut self, now: i64, mut call: Call) -> Option<Told> {
        let kind = self.fold(&mut call);
        if let Some(count) = self.0.get_mut(&kind) {
            count.more += 1;
            return None;
        }
        let first = entry::refused(now, &call, 1, now);
        self.0.insert(kind, Count { call, since: now, more: 0 });
        Some(first)
    }

    /// An entry that there was no place for.
    pub(super) fn not_told(&mut self, mut call: Call) {
        let kind = self.fold(&mut call);
        if let Some(count) = self.0.get_mut(&kind) {
            count.more += 1;
        }
    }

    /// The kind under which a call is counted.
    fn fold(&self, call: &mut Call) -> Kind {
        let mut kind = kind(call);
        if self.0.len() >= KINDS && !self.0.contains_key(&kind) {
            // From anywhere, by anybody: routes and codes are few.
            (call.address, call.noted.by) = (None, None);
            (kind.address, kind.by) = (None, None);
        }
        kind
    }

    /// What was counted and is over; everything, where `all` is to be told.
    pub(super) fn over(&mut self, now: i64, all: bool) -> Vec<Told> {
        let mut told = Vec::new();
        self.0.retain(|_, count| {
            let over = all || now - count.since >= WINDOW || now < count.since;
            if over && count.more > 0 {
                told.push(entry::refused(now, &count.call, count.more, count.since));
            }
            !over
        });
        told
    }
}

fn kind(call: &Call) -> Kind {
    Kind {
        route: call.route.clone(),
        address: call.address.map(network),
        by: call.noted.by.clone(),
        outcome: call.outcome,
        status: call.status,
        code: call.code,
    }
}

/// Whoever has one address of a /64 has them all.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => {
            let [a, b, c, d, ..] = long.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_web::Noted;

    fn call(address: u32) -> Call {
        Call {
            event: Some("thing.act"),
            route: "POST /thing".into(),
            address: Some(IpAddr::V4(address.into())),
            request_id: None,
            noted: Noted::default(),
            outcome: Outcome::Refused,
            status: Some(401),
            code: Some("unauthorized"),
        }
    }

    #[test]
    fn the_first_is_told_and_the_others_are_counted() {
        let mut refused = Refused::default();
        assert!(refused.take(0, call(1)).is_some());
        for _ in 0..9 {
            assert!(refused.take(5, call(1)).is_none());
        }
        assert_eq!(refused.over(WINDOW - 1, false), []);
        let [told] = &refused.over(WINDOW, false)[..] else { panic!() };
        assert!(told.entry.contains(r#""count":9,"since":0"#), "{}", told.entry);
        assert!(refused.take(WINDOW, call(1)).is_some(), "a new minute");
    }

    #[test]
    fn a_flood_from_everywhere_is_a_few_entries() {
        let mut refused = Refused::default();
        let first = (0..100_000).filter(|n| refused.take(0, call(*n)).is_some()).count();
        assert_eq!(first, KINDS + 1);
        let rest = refused.over(0, true);
        assert_eq!(rest.len(), 1);
        assert!(rest[0].entry.contains(&format!(r#""count":{}"#, 100_000 - first)), "{rest:?}");
        assert!(!rest[0].entry.contains("address"));
    }

    #[test]
    fn what_there_was_no_place_for_is_counted() {
        let mut refused = Refused::default();
        for n in 0..=300 {
            if refused.take(0, call(n)).is_some() {
                refused.not_told(call(n));
            }
        }
        let count = |told: &Told| {
            let entry: serde_json::Value = serde_json::from_str(&told.entry).unwrap();
            entry["count"].as_u64().unwrap()
        };
        assert_eq!(refused.over(0, true).iter().map(count).sum::<u64>(), 301);
    }
}
