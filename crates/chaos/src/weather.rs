//! What GitLab is like for a while.

use std::time::Duration;

use portcullis_fake_gitlab::{FakeGitlab, Fault};

/// An answer that comes at once would let no kill find a call under way.
const BREATH: Duration = Duration::from_millis(15);

/// Longer than the gateways wait for a call.
const TOO_LONG: Duration = Duration::from_millis(2500);

/// Deletions that are carried out and not answered, before it clears up by itself.
const UNHEARD: usize = 40;

/// A kind of weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// It answers.
    Calm,
    /// It answers when nobody waits any more.
    Slow,
    /// 500.
    Failing,
    /// 429, with a time to come back at.
    Limiting,
    /// It hangs up before doing anything.
    Dropping,
    /// It does what it is told, and hangs up.
    Unheard,
    /// Something in front of it answers with a page for people.
    Html,
    /// Something in front of it wants a password.
    Password,
}

impl Weather {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Calm,
        Self::Slow,
        Self::Failing,
        Self::Limiting,
        Self::Dropping,
        Self::Unheard,
        Self::Html,
        Self::Password,
    ];

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Slow => "too slow",
            Self::Failing => "failing",
            Self::Limiting => "limiting",
            Self::Dropping => "dropping",
            Self::Unheard => "unheard",
            Self::Html => "behind a broken proxy",
            Self::Password => "behind a password",
        }
    }

    /// Lets it come.
    pub(crate) fn over(self, gitlab: &FakeGitlab) {
        let fault = match self {
            Self::Calm => Fault::Delay(BREATH),
            Self::Slow => Fault::Delay(TOO_LONG),
            Self::Failing => Fault::Status { status: 500, retry_after: None },
            Self::Limiting => Fault::Status { status: 429, retry_after: Some(1) },
            Self::Dropping => Fault::DropBefore,
            Self::Unheard => {
                gitlab.fault_next_of("DELETE", UNHEARD, Fault::DropAfter);
                Fault::Delay(BREATH)
            }
            Self::Html => Fault::Html { status: 502 },
            Self::Password => Fault::PlainUnauthorized,
        };
        gitlab.fault_always(Some(fault));
    }
}
