//! Room for as many open files as connections may need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Limits;

/// For the database, calls to providers, files.
const OTHERS: u64 = 512;

/// Raises the process's limit to what the system lets it have, and warns where that is too little: without a
/// descriptor left, neither the database nor a provider can be reached.
pub(super) fn make_room(limits: &Limits) {
    let have = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: have.maximum, maximum: have.maximum };
    // What cannot be raised may still be enough.
    setrlimit(Resource::Nofile, raised).ok();
    let have = getrlimit(Resource::Nofile).current;
    // Two listeners, and two descriptors for each connection.
    let need = 4 * limits.max_connections as u64 + OTHERS;
    if have.is_some_and(|have| have < need) {
        tracing::warn!(
            files.allowed = have,
            files.wanted = need,
            "too few open files are allowed for server.limits.max_connections"
        );
    }
}
