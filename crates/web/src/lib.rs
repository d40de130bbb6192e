#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod account;
mod audit;
mod body;
mod cached;
mod credentials;
mod docs;
mod limits;
mod observer;
mod preshared;
mod problem;
mod routes;
mod source;
mod trace;

pub use account::{Account, By, Noted, note};
pub use audit::{Call, Outcome, Place, Recorder};
pub use body::{announced_length, body, json, next_chunk};
pub use cached::{cache_control, cached};
pub use credentials::{Authorization, authorization, bare_or_bearer};
pub use docs::{Docs, Listener, document, paths, schema_of};
pub use limits::{PerAddress, PerClient, PerKey, Rate};
pub use observer::{Answered, Observer};
pub use portcullis_base::Quiet;
pub use preshared::Preshared;
pub use problem::{Code, Problem};
pub use routes::{Access, Audit, Guard, Route, RouteError, RouteTable, check, mount, places};
pub use source::client_address;
pub use trace::{RequestId, answer_early_errors, trace};
