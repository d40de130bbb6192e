//! Everything that is logged in this process, searched for secrets as it is written.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use tracing_subscriber::EnvFilter;

use crate::garbage::MARK;
use crate::support::{ADMIN, REPORTING};

static BEGUN: Once = Once::new();
static LINES: AtomicUsize = AtomicUsize::new(0);
static LEAKS: AtomicUsize = AtomicUsize::new(0);
/// What the broker said.
static OF_THE_BROKER: Mutex<String> = Mutex::new(String::new());

/// What every token of these tests holds, or is; a JWT begins with `{"` in base64url.
const SECRETS: [&str; 6] = ["gitpod_pat_", "glpat-", "eyJ", MARK, ADMIN, REPORTING];

struct Searched;

impl io::Write for Searched {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(line);
        if text.contains("impersonation") {
            *OF_THE_BROKER.lock().unwrap_or_else(PoisonError::into_inner) += &text;
        }
        if has_secret(&text) {
            LEAKS.fetch_add(1, Ordering::Relaxed);
            // Shown with the test that is running, which need not be the one that logged it.
            println!("a secret is logged: {text}");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a text has what is searched for.
pub(crate) fn has_secret(text: &str) -> bool {
    SECRETS.iter().any(|secret| text.contains(secret))
}

/// How many lines of the broker's hold this text.
pub(crate) fn lines_with(text: &str) -> usize {
    let said = OF_THE_BROKER.lock().unwrap_or_else(PoisonError::into_inner);
    said.lines().filter(|line| line.contains(text)).count()
}

/// Begins to look, at more than any operator would switch on.
pub(crate) fn watch() {
    BEGUN.call_once(|| {
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("debug,portcullis=trace"))
            .with_ansi(false)
            .with_writer(|| Searched)
            .init();
    });
}

/// Something was logged, and no secret.
pub(crate) fn assert_clean() {
    assert!(LINES.load(Ordering::Relaxed) > 0, "nothing was searched");
    assert_eq!(LEAKS.load(Ordering::Relaxed), 0, "a secret was logged by one of the tests");
}
