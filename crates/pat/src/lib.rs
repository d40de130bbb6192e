//! Signed personal access tokens: generate, parse, digest.
