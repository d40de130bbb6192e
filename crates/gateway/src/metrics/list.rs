//! Every metric: what is not here cannot be recorded. The reference in `docs/reference/metrics.md` is made of
//! this table.
//!
//! A label has values of ours or of the configuration alone, never what a caller sends.

mod kinds;

pub(crate) use kinds::{Counter, Counting, Described, Gauge, Lateness, Moving, Seconds, Timing};

macro_rules! declared {
    ($($kind:ident $id:ident($($label:literal),*) = $name:literal, $unit:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(crate) const $id: $kind<{ <[&str]>::len(&[$($label),*]) }> = $kind(Described {
                name: $name,
                kind: $kind::<0>::KIND,
                labels: &[$($label),*],
                unit: $unit,
                help: $help,
            });
        )*

        /// All of them, in the order of the reference.
        pub(crate) const ALL: &[&Described] = &[$($id.described()),*];
    };
}

declared! {
    Counter HTTP_REQUESTS("listener", "route", "method", "status") = "portcullis_http_requests_total", "requests",
        "Requests that were answered, by the pattern of their path and their status; a method or status that is not known is `other`.";
    Seconds HTTP_DURATION("listener", "route") = "portcullis_http_request_duration_seconds", "seconds",
        "From the head of a request to the head of its answer.";
    Counter HTTP_REFUSALS("listener", "route", "code") = "portcullis_http_refusals_total", "answers",
        "Answers of 4xx and 5xx by the stable code of their problem; `none` where an answer has none.";
    Gauge HTTP_IN_FLIGHT("listener") = "portcullis_http_requests_in_flight", "requests",
        "Requests under way.";
    Counter AUTH("method", "outcome") = "portcullis_auth_total", "requests",
        "What came of requests at /auth, by the method that decided; `none` where nobody was asked for.";
    Counter TOKENS("use", "issuer", "outcome") = "portcullis_token_verifications_total", "tokens",
        "JWTs that were proved (`verified`), or why not.";
    Counter TOKEN_CACHE("use", "issuer", "outcome") = "portcullis_token_cache_lookups_total", "tokens",
        "Whether the signature of a JWT was remembered (`hit`) or not (`miss`).";
    Counter PATS("outcome") = "portcullis_pat_verifications_total", "tokens",
        "PATs that were `good`, or why not.";
    Counter PAT_CACHE("outcome") = "portcullis_pat_cache_lookups_total", "tokens",
        "Whether the record of a PAT with a good signature was remembered (`hit`) or not (`miss`).";
    Gauge ISSUER_KEYS("use", "issuer") = "portcullis_issuer_keys", "keys",
        "Usable keys of an issuer; 0 while nothing of it can be proved.";
    Gauge ISSUER_KEYS_AGE("use", "issuer") = "portcullis_issuer_keys_age_seconds", "seconds",
        "How long ago the present keys of an issuer were fetched or read.";
    Gauge ISSUER_KEYS_STALE("use", "issuer") = "portcullis_issuer_keys_stale", "1 or 0",
        "Whether the keys of an issuer are past their life, and used because no others can be had.";
    Counter ISSUER_KEY_FETCHES("use", "issuer", "outcome") = "portcullis_issuer_key_fetches_total", "fetches",
        "Fetches of the keys of an issuer, or readings of their file: `ok` or `failed`.";
    Gauge SIGNING_KEY_AGE("algorithm", "kid") = "portcullis_signing_key_age_seconds", "seconds",
        "How old the key of ours is that signs, where its file says when it was made.";
    Gauge SIGNING_KEY_NEXT("algorithm", "kid") = "portcullis_signing_key_signs_in_seconds", "seconds",
        "How long until a key of ours that is published begins to sign.";
    Gauge SIGNING_FILE_FAULT() = "portcullis_signing_keys_file_fault", "1 or 0",
        "Whether the file of our keys as it is now cannot be used, and earlier ones are.";
    Counter LENT("outcome") = "portcullis_impersonation_tokens_total", "tokens",
        "Tokens for jobs: `issued`, `refused`, `given_back`, or `orphan_revoked`: made by GitLab, heard of by nobody, found and revoked.";
    Counter SWEPT("outcome") = "portcullis_impersonation_users_swept_total", "users",
        "Users whose tokens were looked through for orphans (`ok`), or could not be (`failed`).";
    Gauge INTENTS() = "portcullis_impersonation_intents_open", "intents",
        "Tokens that GitLab was asked for and of whose making nobody knows yet, counted up to 10,000.";
    Gauge INTENTS_OVERDUE() = "portcullis_impersonation_intents_oldest_overdue_seconds", "seconds",
        "For how long the oldest of these has waited to be looked after.";
    Gauge ADMIN_TOKEN_LOST() = "portcullis_impersonation_admin_token_lost", "1 or 0",
        "Whether GitLab takes the admin token of the broker no more.";
    Gauge ADMIN_TOKEN_LEFT() = "portcullis_impersonation_admin_token_expires_in_seconds", "seconds",
        "Whole days until the admin token of the broker expires, in seconds; only where GitLab says it.";
    Counter RESIGNED("outcome") = "portcullis_oidc_proxy_tokens_total", "tokens",
        "Tokens that were re-signed (`issued`), or why not.";
    Gauge QUEUE("provider", "state") = "portcullis_queue_waiting", "secrets",
        "Secrets that wait to be revoked: due later (`planned`), `due`, or the provider is being called (`leased`); counted up to 100,000 for each provider.";
    Gauge QUEUE_OVERDUE("provider") = "portcullis_queue_oldest_overdue_seconds", "seconds",
        "For how long the oldest secret that waits has been due.";
    Gauge QUEUE_FAILED() = "portcullis_queue_failed_last_day", "secrets",
        "Secrets that were given up within the last 24 hours and may be alive, counted up to 10,000.";
    Counter CALLS("provider", "outcome", "code") = "portcullis_provider_calls_total", "calls",
        "Calls of providers by what came of them: `retry`, or the state in which the secret ended, and the code of the answer.";
    Seconds CALL_DURATION("provider") = "portcullis_provider_call_duration_seconds", "seconds",
        "How long calls of providers took.";
    Lateness LATE("provider") = "portcullis_revocation_lateness_seconds", "seconds",
        "How long after it was due a secret ended.";
    Counter ORPHANED() = "portcullis_revocations_orphaned_total", "secrets",
        "Secrets that were given up because their provider is not configured any more.";
    Counter NOTICES("webhook", "outcome") = "portcullis_notices_total", "notices",
        "Notices for webhooks: `taken`, `put_off` (each time), `given_up`.";
    Gauge NOTICES_WAITING("webhook") = "portcullis_notices_waiting", "notices",
        "Notices that a webhook has not taken yet, counted up to 100,000 for all together.";
    Gauge NOTICES_OLDEST("webhook") = "portcullis_notices_oldest_seconds", "seconds",
        "How old the oldest of these is.";
    Counter AUDIT_WRITTEN() = "portcullis_audit_entries_total", "entries",
        "Entries that this process has written into the audit log.";
    Gauge AUDIT_WAITING() = "portcullis_audit_entries_waiting", "entries",
        "Entries that wait to be written, and calls under way that may bring one; at 2,048 calls are turned away.";
    Gauge AUDIT_STUCK() = "portcullis_audit_stuck", "1 or 0",
        "Whether entries cannot be written: calls that would change something are answered 503.";
    Counter AUDIT_FAILURES() = "portcullis_audit_write_failures_total", "attempts",
        "Attempts to write entries that failed; they are tried again until they are written.";
    Counter AUDIT_TURNED_AWAY() = "portcullis_audit_calls_turned_away_total", "calls",
        "Calls that were answered 503 before they did anything, because their entry could not be written.";
    Gauge DATABASE_UP() = "portcullis_database_up", "1 or 0",
        "Whether the database answered in time; while it does not, what is counted there is left out.";
    Counter DATABASE_ERRORS("code") = "portcullis_database_errors_total", "errors",
        "What the database failed at: `pool_timeout` (no connection became free in time), `unavailable`, `refused`.";
    Gauge CONNECTIONS("pool", "state") = "portcullis_database_connections", "connections",
        "Open connections: `idle` or `used`.";
    Gauge CONNECTIONS_MAX("pool") = "portcullis_database_connections_max", "connections",
        "Connections at the most.";
    Gauge BUILD("version", "commit") = "portcullis_build_info", "1",
        "Which program this is; `commit` is empty where the build did not say it.";
    Gauge START() = "process_start_time_seconds", "seconds",
        "When this gateway was started, since 1970.";
    Gauge MEMORY() = "process_resident_memory_bytes", "bytes",
        "Resident memory; only on Linux.";
    Gauge FILES() = "process_open_fds", "files",
        "Open files and connections; only on Linux.";
    Gauge FILES_MAX() = "process_max_fds", "files",
        "How many it may open; only on Linux.";
    Counter CPU() = "process_cpu_seconds_total", "seconds",
        "Time of processors; only on Linux.";
}

#[cfg(test)]
mod tests;
