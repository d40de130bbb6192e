//! GitLab's Token Revocation API.
