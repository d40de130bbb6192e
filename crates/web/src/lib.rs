#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod activity;
mod body;
mod cached;
mod credentials;
mod limits;
mod preshared;
mod problem;
mod routes;
mod source;
mod trace;

pub use activity::Activity;
pub use body::{BodyLimits, Chunks, announced_length, body, json};
pub use cached::{cache_control, cached};
pub use credentials::{Authorization, authorization, bare_or_bearer};
pub use limits::{PerAddress, PerClient, PerKey, Rate, network};
pub use portcullis_base::http::is_safe;
pub use preshared::Preshared;
pub use problem::{Code, Problem};
pub use routes::{Access, Audit, Route, RouteError, RouteTable, check, mount};
pub use source::{ProxyHeader, TrustedProxies, client_address};
pub use trace::{answer_early_errors, trace};
