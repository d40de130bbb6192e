//! A private Postgres cluster and scratch databases for tests.
