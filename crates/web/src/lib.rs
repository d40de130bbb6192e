//! problem+json, bearer extraction, limits and route tables for actix.
