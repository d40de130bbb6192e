//! A client for the few GitLab calls that Portcullis makes.
