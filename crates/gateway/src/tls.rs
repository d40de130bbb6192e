//! TLS of our own listeners: the files, whether they can serve, and what is served of them as they change.

mod context;
mod fault;
mod material;
mod served;
mod watched;

pub(crate) use context::acceptor;
pub(crate) use fault::{Faults, Part};
pub(crate) use material::Material;
pub(crate) use served::call_name;
pub(crate) use watched::{Standing, Watched};

#[cfg(test)]
mod tests;
