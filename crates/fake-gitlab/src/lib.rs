//! A GitLab as recorded from real ones, for tests and for the demo.
