//! The published examples: each verifies, or is refused for what it is.

mod figures;
mod support;
