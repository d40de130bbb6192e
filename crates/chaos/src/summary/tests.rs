//! Each thing that may not be, alone.

use super::*;

fn good() -> Summary {
    Summary {
        seed: 7,
        took: Duration::ZERO,
        ordered: BTreeMap::from([("claimed", 3), ("asked", 17)]),
        acknowledged: 10,
        sent: 14,
        reports: 1,
        resent: 0,
        deaths: Deaths {
            at_points: BTreeMap::from([("claimed", 1), ("asked", 17)]),
            not_reached: 2,
            stalls: 1,
            ..Deaths::default()
        },
        ends: BTreeMap::from([("revoked".to_owned(), 13)]),
        lost: 0,
        delays: Delays::default(),
        leaked: 3,
        used: 1,
        longest_leak: Duration::ZERO,
        looks: 1,
        watched: 1,
        compared: 0,
        dropped: 1,
        files: 1,
        searched: 1,
        words: 1,
        chains: 1,
        entries: 1,
        found: Vec::new(),
        violations: Vec::new(),
    }
}

/// What is said of a run that differs in this from a good one.
fn told(change: impl FnOnce(&mut Summary)) -> Vec<String> {
    let mut summary = good();
    change(&mut summary);
    assert_eq!(summary.is_good(), summary.wrong().is_empty());
    summary.wrong()
}

fn revoked(count: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([("revoked".to_owned(), count)])
}

#[test]
fn a_good_run_is_good() {
    assert_eq!(told(|_| ()), Vec::<String>::new());
    assert!(good().to_string().ends_with("everything held"));
}

#[test]
fn points_must_be_reached() {
    let never = told(|s| s.deaths.at_points.retain(|point, _| *point != "claimed"));
    assert_eq!(never, ["claimed was ordered 3 times and never reached"]);
    let seldom = |s: &mut Summary| {
        s.deaths.at_points.remove("claimed");
        s.ordered.insert("claimed", 2);
        s.ordered.insert("asked", 18);
    };
    assert_eq!(told(seldom), Vec::<String>::new());
    let missed = told(|s| s.deaths.not_reached = 3);
    assert_eq!(missed, ["3 of 20 ordered deaths did not come"]);
}

#[test]
fn rows_are_those_of_the_reports() {
    for count in [13, 14] {
        assert_eq!(told(|s| s.ends = revoked(count)), Vec::<String>::new());
    }
    for count in [12, 15] {
        let text = format!("{count} rows are revoked, not 13 to 14");
        assert_eq!(told(|s| s.ends = revoked(count)), [text]);
    }
    let other = told(|s| s.ends.extend([("inactive".to_owned(), 1)]));
    assert_eq!(other, ["1 rows ended otherwise than revoked"]);
    assert_eq!(told(|s| s.lost = 2), ["2 acknowledged tokens are alive"]);
}

#[test]
fn what_was_never_tried_proves_nothing() {
    assert_eq!(told(|s| s.looks = 0), ["the queue was never looked at"]);
    assert_eq!(told(|s| s.watched = 0), ["no row was seen ended before the last look"]);
    assert_eq!(told(|s| s.used = 0), ["no own token was ever let in"]);
    assert_eq!(told(|s| s.leaked = 0)[0], "no own token was leaked");
    assert_eq!(told(|s| s.acknowledged = 0)[0], "nothing was acknowledged");
    for nothing in [told(|s| s.files = 0), told(|s| s.searched = 0)] {
        assert_eq!(nothing, ["nothing was searched for secrets"]);
    }
    assert_eq!(told(|s| s.words = 0), ["no secret was looked for"]);
    assert_eq!(told(|s| s.dropped = 0), ["no stall made any end late"]);
    let without = told(|s| (s.dropped, s.deaths.stalls) = (0, 0));
    assert_eq!(without, Vec::<String>::new());
}

#[test]
fn what_was_found_is_told() {
    assert_eq!(told(|s| s.found.push("a log".into())), ["a secret lies in a log"]);
    assert_eq!(told(|s| s.violations.push("it flipped".into())), ["it flipped"]);
}
