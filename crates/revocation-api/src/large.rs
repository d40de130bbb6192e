//! Large reports, a few at a time: each takes a place, or is told at once to come later.
//!
//! A large report takes many commits. Where too many come at once each waits so long for the database that one of
//! its commits fails, and none is ever whole: the more there are, the less is taken.

use std::sync::Arc;

use portcullis_web::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Longer bodies are large. Shorter ones are a commit each, so that what one waits for is done when it gives up.
const LARGE: u64 = 1 << 20;
/// Large ones under way. What they gather fits into what all may.
const PLACES: usize = 8;
/// Commits of large ones under way; the others wait for their turn here, where no time is up, and not for a
/// connection to the database, where it soon is.
const TURNS: usize = 2;

/// All places.
pub(crate) struct Large {
    places: Arc<Semaphore>,
    turns: Semaphore,
}

/// One report's, if it has turned out to be large.
#[derive(Default)]
pub(crate) struct Place(Option<OwnedSemaphorePermit>);

impl Default for Large {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), turns: Semaphore::new(TURNS) }
    }
}

impl Large {
    /// Takes a place for a body of so many bytes, if it needs one and has none; 503 `unavailable` where
    /// there is none.
    pub(crate) fn enter(&self, place: &mut Place, length: u64) -> Result<(), Problem> {
        if length > LARGE && place.0.is_none() {
            let free = Arc::clone(&self.places).try_acquire_owned();
            place.0 = Some(free.map_err(|_| Problem::unavailable())?);
        }
        Ok(())
    }

    /// Waits until it may commit; who is not large does not wait.
    pub(crate) async fn turn(&self, place: &Place) -> Option<SemaphorePermit<'_>> {
        place.0.as_ref()?;
        // Nobody closes it.
        self.turns.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn so_many_large_ones_have_a_place_and_small_ones_need_none() {
        let large = Large::default();
        let enter = |length| {
            let mut place = Place::default();
            large.enter(&mut place, length).map(|()| place)
        };
        let mut taken: Vec<Place> = (0..PLACES).map(|_| enter(LARGE + 1).unwrap()).collect();
        assert_eq!(enter(LARGE + 1).err().unwrap().code(), "unavailable");
        large.enter(&mut taken[0], 10 * LARGE).unwrap();
        assert!(enter(LARGE).unwrap().0.is_none());
        taken.pop();
        assert!(enter(LARGE + 1).unwrap().0.is_some(), "it was given back");
    }

    #[tokio::test]
    async fn a_few_commit_at_a_time() {
        let large = Large::default();
        let mut place = Place::default();
        assert!(large.turn(&place).await.is_none(), "it is not large");
        large.enter(&mut place, LARGE + 1).unwrap();
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            turns.push(large.turn(&place).await.unwrap());
        }
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, large.turn(&place)).await.is_err());
        turns.pop();
        assert!(tokio::time::timeout(soon, large.turn(&place)).await.is_ok());
    }
}
