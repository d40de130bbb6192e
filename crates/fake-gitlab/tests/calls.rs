//! Users, their impersonation tokens, the tokens of jobs, and deeds that come late.

mod calls {
    mod impersonation;
    mod jobs;
    mod late;
    pub(crate) mod support;
    mod users;
}

use calls::support;
