//! What people have tried against verifiers of JWTs, and what this one says to each.
//!
//! A module for each kind of attack. Every token is judged twice and by two verifiers, of which one
//! remembers tokens: see `support`.

mod support;

mod algorithm;
mod cache;
mod claims_json;
mod extensions;
mod header_json;
mod key_choice;
mod key_sets;
mod limits;
mod names;
mod padding;
mod points;
mod rsa_keys;
mod signature;
mod structure;
mod times;
