//! What is known of the administrator's token.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use portcullis_gitlab::Lack;
use time::macros::{date, datetime};

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-21 23:30 UTC);
const REFUSED: Trouble = Trouble::Said(UserFailure::AdminRefused);
const FORBIDDEN: Trouble = Trouble::Said(UserFailure::AdminForbidden);

fn rights(expires_on: Option<Date>) -> Rights {
    Rights { missing_scopes: vec![], administrator: Some(true), expires_on, lack: None }
}

fn standing(credential: &Credential) -> (&'static str, Option<&'static str>) {
    let health = credential.health();
    (health.standing.as_str(), health.problem)
}

#[test]
fn calls_tell_how_it_stands() {
    let credential = Credential::default();
    assert_eq!(standing(&credential), ("unknown", None));
    credential.did(&Err::<(), _>(Trouble::Silence));
    assert_eq!(standing(&credential), ("unknown", Some("timeout")));
    credential.did(&Ok(()));
    assert_eq!(standing(&credential), ("accepted", None));
    credential.asked(&Err::<(), _>(Trouble::Said(UserFailure::UnknownUser)));
    assert_eq!(standing(&credential).0, "accepted");
    credential.asked(&Err::<(), _>(REFUSED));
    assert_eq!(standing(&credential), ("refused", Some("admin_token_refused")));
    // No answer is no acquittal.
    credential.asked(&Err::<(), _>(Trouble::Silence));
    assert!(credential.health().is_lost());
    credential.asked(&Ok(()));
    assert_eq!(standing(&credential).0, "accepted");
    credential.did(&Err::<(), _>(FORBIDDEN));
    // That it may look does not mean that it may make.
    credential.asked(&Ok(()));
    assert_eq!(standing(&credential), ("forbidden", Some("admin_token_forbidden")));
    credential.did(&Ok(()));
    assert!(!credential.health().is_lost());
}

#[test]
fn a_look_tells_all_of_it() {
    let credential = Credential::default();
    credential.looked(Ok(rights(Some(date!(2026 - 12 - 03)))), NOW);
    let health = credential.health();
    assert_eq!((health.standing, health.days_left(NOW)), (Standing::Accepted, Some(12)));
    assert_eq!((health.administrator, health.checked_at), (Some(true), Some(NOW)));
    assert_eq!(health.days_left(datetime!(2026-12-03 00:00 UTC)), Some(0));
    assert_eq!(health.days_left(datetime!(2026-12-03 00:30 +2)), Some(1));
    let lack = Some(Lack::Scopes);
    credential.looked(Ok(Rights { missing_scopes: vec!["sudo"], lack, ..rights(None) }), NOW);
    assert_eq!(standing(&credential), ("forbidden", Some("scopes_missing")));
    assert_eq!(credential.health().missing_scopes, ["sudo"]);
    credential.looked(Err(REFUSED), NOW);
    assert_eq!(standing(&credential), ("refused", Some("admin_token_refused")));
    credential.looked(Ok(rights(None)), NOW);
    assert_eq!(
        (standing(&credential), credential.health().days_left(NOW)),
        (("accepted", None), None)
    );
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes down what its thread logs.
struct OfThread;

impl io::Write for OfThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whatever this thread logs meanwhile, a line each. One logger for all threads: where each test brings its
/// own, a line that another thread meets first may count as wanted by nobody.
fn logged(work: impl FnOnce()) -> Vec<String> {
    static ONE: Once = Once::new();
    ONE.call_once(|| {
        let logger = tracing_subscriber::fmt().with_ansi(false).without_time();
        logger.with_writer(|| OfThread).init();
    });
    LINES.take();
    work();
    String::from_utf8(LINES.take()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_loss_is_loud_once_and_so_is_its_end() {
    let credential = Credential::default();
    let lines = logged(|| {
        credential.did(&Ok(()));
        for _ in 0..3 {
            credential.did(&Err::<(), _>(REFUSED));
            credential.did(&Err::<(), _>(Trouble::Silence));
            credential.did(&Err::<(), _>(FORBIDDEN));
        }
        for _ in 0..3 {
            credential.did(&Ok(()));
        }
    });
    let [loss, end] = &lines[..] else { panic!("{lines:?}") };
    assert!(loss.contains("ERROR") && loss.contains("admin_token_refused"), "{loss}");
    assert!(end.contains("WARN") && end.contains("accepts"), "{end}");
}

#[test]
fn the_end_is_announced_once_a_day() {
    let credential = Credential::default();
    let look = |day: Date| {
        let now = day.with_hms(8, 0, 0).unwrap().assume_utc();
        logged(|| {
            for _ in 0..3 {
                credential.looked(Ok(rights(Some(date!(2026 - 12 - 20)))), now);
            }
        })
    };
    assert_eq!(look(date!(2026 - 12 - 05)), [""; 0]);
    for (day, level) in [
        (date!(2026 - 12 - 06), "WARN"),
        (date!(2026 - 12 - 16), "WARN"),
        (date!(2026 - 12 - 17), "ERROR"),
        (date!(2026 - 12 - 19), "ERROR"),
    ] {
        let lines = look(day);
        assert_eq!(lines.len(), 1, "{day}: {lines:?}");
        assert!(lines[0].contains(level), "{lines:?}");
    }
}
