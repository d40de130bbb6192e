//! Who gets what: which jobs are admissible, and which scopes and lifetime a job is granted.

mod claims;
mod grant;

pub use claims::{CLAIMS, rule_claims};
pub use grant::Grant;
