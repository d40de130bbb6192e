#![doc = include_str!("../README.md")]

mod admin;
mod answer;
mod api;
mod server;
mod token;
mod world;

pub use server::FakeGitlab;
pub use token::{TokenKind, TokenSpec, TokenState};
pub use world::{Fault, RecordedRequest};
