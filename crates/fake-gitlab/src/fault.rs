//! What goes wrong, and when.

use std::collections::VecDeque;
use std::time::Duration;

/// Something that goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes late, and the deed is done late.
    Delay(Duration),
    /// The deed is done at once, and the answer comes late.
    AnsweredLate(Duration),
    /// Nothing is done, and this is the status.
    Status {
        /// The status.
        status: u16,
        /// The header `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// Nothing is done, and the connection is cut.
    DropBefore,
    /// It is done, and the connection is cut instead of an answer.
    DropAfter,
    /// The connection is cut now, and the deed is done this much later.
    LateAfterCut(Duration),
    /// No answer ever comes, and the deed is done this much later, whether the caller waits or not.
    LateUnanswered(Duration),
    /// Nothing is done, and a page for people comes from something in front of GitLab.
    Html {
        /// The status.
        status: u16,
    },
    /// Nothing is done, and something in front of GitLab wants a password of its own: a 401 that
    /// is not GitLab's JSON.
    PlainUnauthorized,
}

/// Which requests a plan is for; any where `None`.
#[derive(Debug, Default)]
pub(crate) struct Aim {
    pub(crate) method: Option<String>,
    /// The path begins or ends with it.
    pub(crate) path: Option<String>,
}

impl Aim {
    fn hits(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|m| m == method)
            && self
                .path
                .as_deref()
                .is_none_or(|part| path.starts_with(part) || path.ends_with(part))
    }
}

struct Planned {
    aim: Aim,
    times: usize,
    fault: Fault,
}

/// The plans, in the order of their making.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) always: Option<Fault>,
    planned: VecDeque<Planned>,
}

impl Faults {
    pub(crate) fn plan(&mut self, aim: Aim, times: usize, fault: Fault) {
        if times > 0 {
            self.planned.push_back(Planned { aim, times, fault });
        }
    }

    pub(crate) fn forget(&mut self) {
        self.planned.clear();
    }

    /// What goes wrong with this request.
    pub(crate) fn next(&mut self, method: &str, path: &str) -> Option<Fault> {
        let Some(at) = self.planned.iter().position(|planned| planned.aim.hits(method, path))
        else {
            return self.always.clone();
        };
        let planned = &mut self.planned[at];
        planned.times -= 1;
        let fault = planned.fault.clone();
        if planned.times == 0 {
            self.planned.remove(at);
        }
        Some(fault)
    }
}
