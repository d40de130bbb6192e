#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod account;
mod activity;
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
pub use activity::Activity;
pub use audit::{Call, Outcome, Place, Recorder};
pub use body::{Body, BodyLimits, Chunks, announced_length, body, json};
pub use cached::{cache_control, cached};
pub use credentials::{Authorization, authorization, bare_or_bearer};
pub use docs::{Docs, Listener, document, paths, schema_of};
pub use limits::{PerAddress, PerClient, PerKey, Rate, network};
pub use observer::{Answered, Observer};
pub use portcullis_base::Quiet;
pub use portcullis_base::http::is_safe;
pub use preshared::Preshared;
pub use problem::{Code, Problem};
pub use routes::{Access, Audit, Guard, Route, RouteError, RouteTable, check, mount, places};
pub use source::{ProxyHeader, TrustedProxies, client_address};
pub use trace::{RequestId, answer_early_errors, trace};
