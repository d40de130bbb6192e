#![doc = include_str!("../README.md")]

mod admin;
mod answer;
mod api;
mod call;
mod chance;
mod control;
mod fault;
mod impersonation;
mod job;
mod oidc;
mod pages;
mod server;
mod signing;
mod sudo;
mod token;
mod tokens;
mod users;
mod world;

pub use control::ListedImpersonation;
pub use fault::Fault;
pub use job::JobSpec;
pub use server::FakeGitlab;
pub use token::{TokenKind, TokenSpec, TokenState};
pub use users::UserSpec;
pub use world::RecordedRequest;
