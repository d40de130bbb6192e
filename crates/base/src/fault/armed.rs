//! The order to die, and its carrying out.

use std::sync::{Mutex, PoisonError};

use rustix::process::{Signal, getpid, kill_process};
use thiserror::Error;

use super::Point;

/// Where to die, and how often the process still passes that place alive.
static ORDER: Mutex<Option<(Point, u32)>> = Mutex::new(None);

/// Not `POINT COUNT` with a known point and a count of at least one.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("an order is a point's name, a space and a count of at least 1")]
pub struct BadOrder;

/// Orders the process to die when it comes by a point for the given time: `claimed 3`. A new order
/// takes the place of the one before.
pub fn arm(order: &str) -> Result<(), BadOrder> {
    let (name, count) = order.trim().split_once(' ').ok_or(BadOrder)?;
    let point = Point::from_name(name).ok_or(BadOrder)?;
    let count = count.parse().ok().filter(|count| *count > 0).ok_or(BadOrder)?;
    *ORDER.lock().unwrap_or_else(PoisonError::into_inner) = Some((point, count));
    Ok(())
}

/// Comes by a place at which a crash is interesting: dies there if it was ordered to.
pub fn point(here: Point) {
    let mut order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((point, left)) = order.as_mut() else { return };
    if *point != here {
        return;
    }
    *left -= 1;
    if *left == 0 {
        // It cannot fail: a process may always kill itself. Were it to, the harness would say that
        // the point was never reached.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_strictly() {
        for bad in
            ["", "claimed", "claimed 0", "claimed -1", "claimed x", "nowhere 1", "claimed  1"]
        {
            assert_eq!(arm(bad), Err(BadOrder), "{bad:?}");
        }
        assert_eq!(arm("claimed 4000000000\n"), Ok(()));
        // Others pass, and so does this one until its count.
        point(Point::Settled);
        point(Point::Claimed);
        assert_eq!(*ORDER.lock().unwrap(), Some((Point::Claimed, 3_999_999_999)));
    }
}
