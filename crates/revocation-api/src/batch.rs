//! One request's items on their way into the queue.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use portcullis_revocation::QueueError;
use portcullis_revocation::identity::short;
use portcullis_revocation::intake::Report;
use portcullis_web::{Account, Problem, Quiet};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clients::Client;
use crate::items::{Judged, RejectedItem, Rejection};
use crate::{NAMED, RevocationApi};

/// Rejections that are listed one by one; more are only counted.
const LISTED: usize = 1000;

/// Bytes of reports that one request gathers before it commits them.
const MOST: usize = 8 << 20;
/// Bytes that all requests gather before each commits what it has.
const MOST_OF_ALL: usize = 64 << 20;
/// Less than that is never worth a commit.
const LEAST: usize = 64 << 10;
/// What a report takes beside its texts.
const OVERHEAD: usize = 256;

/// What has been read of a body, and what became of it.
pub(crate) struct Batch<'a> {
    api: &'a RevocationApi,
    client: &'a Client,
    account: &'a Account,
    /// The first fingerprints that were sent to be committed.
    named: Vec<String>,
    began: Instant,
    waiting: Vec<Report>,
    /// Bytes of what waits and of what is doubtful.
    held: usize,
    /// What this client may not report, each with its index: taken only where it is ours.
    doubtful: Vec<(u64, Report)>,
    index: u64,
    accepted: u64,
    skipped: u64,
    rejected: u64,
    /// Those of the lowest indexes.
    listed: BTreeMap<u64, Rejection>,
}

/// What a problem says of the items.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchOutcome)]
pub(crate) struct Told {
    /// How many were taken.
    accepted: u64,
    /// How many had no token.
    skipped: u64,
    /// How many were not taken.
    rejected_total: u64,
    /// The first 1000 of these.
    rejected: Vec<RejectedItem>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(api: &'a RevocationApi, client: &'a Client, account: &'a Account) -> Self {
        Self {
            api,
            client,
            account,
            named: Vec::new(),
            began: Instant::now(),
            waiting: Vec::new(),
            held: 0,
            doubtful: Vec::new(),
            index: 0,
            accepted: 0,
            skipped: 0,
            rejected: 0,
            listed: BTreeMap::new(),
        }
    }

    /// Takes the next item of the body.
    pub(crate) fn add(&mut self, judged: Judged) {
        if let Judged::Report(report) = &judged {
            self.hold(report);
        }
        match judged {
            Judged::Skipped => self.skipped += 1,
            Judged::Rejected(rejection) => self.reject(self.index, rejection),
            Judged::Report(report) if self.may_take(&report) => self.waiting.push(report),
            Judged::Report(report) => self.doubtful.push((self.index, report)),
        }
        self.index += 1;
    }

    /// Whether a commit's worth of items has gathered.
    pub(crate) fn is_full(&self) -> bool {
        let crowded = || self.api.gathered.load(Ordering::Relaxed) > MOST_OF_ALL;
        self.waiting.len() + self.doubtful.len() >= self.api.max_batch
            || self.held >= MOST
            || (self.held >= LEAST && crowded())
    }

    fn hold(&mut self, report: &Report) {
        let location = report.location.as_ref().map_or(0, String::len);
        let texts = report.token_type.len() + report.secret.expose_secret().len() + location;
        self.held += texts + OVERHEAD;
        self.api.gathered.fetch_add(texts + OVERHEAD, Ordering::Relaxed);
    }

    fn let_go(&mut self) {
        self.api.gathered.fetch_sub(std::mem::take(&mut self.held), Ordering::Relaxed);
    }

    /// Commits what has gathered, in pieces of a commit's worth.
    pub(crate) async fn commit(&mut self) -> Result<(), Problem> {
        self.resolve_doubts().await?;
        while !self.waiting.is_empty() {
            let rest = self.waiting.split_off(self.waiting.len().min(self.api.max_batch));
            let piece = std::mem::replace(&mut self.waiting, rest);
            let count = piece.len() as u64;
            self.note(&piece);
            let result = self.api.intake.accept(self.client.name(), piece).await;
            result.map_err(|error| self.not_committed(&error))?;
            self.accepted += count;
            self.account.touched("accepted", self.accepted);
        }
        self.let_go();
        Ok(())
    }

    /// Before the commit: nobody may hear of what comes of it.
    fn note(&mut self, piece: &[Report]) {
        let room = NAMED - self.named.len();
        let named = piece.iter().take(room);
        self.named.extend(named.map(|one| short(&self.api.intake.fingerprint(&one.secret))));
        self.account.touched("fingerprints", self.named.clone());
        self.account.changed();
    }

    /// Nothing to complain about, or a problem that says what became of the items. `broken` is what
    /// is wrong with the body as a whole.
    pub(crate) fn outcome(self, broken: Option<Problem>) -> Result<(), Problem> {
        self.account.touched("accepted", self.accepted);
        self.account.touched("rejected", self.rejected);
        tracing::info!(
            revocation.client = self.client.name(),
            revocation.accepted = self.accepted,
            revocation.skipped = self.skipped,
            revocation.rejected = self.rejected,
            revocation.broken = broken.as_ref().map(Problem::code),
            revocation.took_ms =
                u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "reported"
        );
        let problem = match broken {
            Some(broken) => broken,
            None if self.rejected == 0 => return Ok(()),
            None => Problem::bad_request(
                "some_items_rejected",
                "the items listed here were not taken; all others were",
            ),
        };
        Err(self.describe(problem))
    }

    fn describe(&self, problem: Problem) -> Problem {
        problem.with_all(&Told {
            accepted: self.accepted,
            skipped: self.skipped,
            rejected_total: self.rejected,
            rejected: self.listed.iter().map(|(index, why)| why.at(*index)).collect(),
        })
    }

    fn may_take(&self, report: &Report) -> bool {
        self.api.intake.offers(&report.token_type) && self.client.may_report(&report.token_type)
    }

    /// One of ours dies whatever it is taken for.
    async fn resolve_doubts(&mut self) -> Result<(), Problem> {
        if self.doubtful.is_empty() {
            return Ok(());
        }
        let doubtful = std::mem::take(&mut self.doubtful);
        let secrets: Vec<_> = doubtful.iter().map(|(_, report)| &report.secret).collect();
        let ours = self.api.intake.ours(&secrets).await;
        let ours = ours.map_err(|error| self.not_committed(&error))?;
        for ((index, report), ours) in doubtful.into_iter().zip(ours) {
            if ours {
                self.waiting.push(report);
            } else {
                self.reject(index, Rejection::UnsupportedType);
            }
        }
        Ok(())
    }

    fn reject(&mut self, index: u64, rejection: Rejection) {
        self.rejected += 1;
        self.listed.insert(index, rejection);
        if self.listed.len() > LISTED {
            self.listed.pop_last();
        }
    }

    fn not_committed(&self, error: &QueueError) -> Problem {
        /// Every report would say so while the database is away.
        static AWAY: Quiet = Quiet::new();
        if let Some(kept_back) = AWAY.pass() {
            tracing::error!(
                error = %error,
                cause = std::error::Error::source(error).map(tracing::field::display),
                revocation.client = self.client.name(),
                log.kept_back = kept_back,
                "a batch was not committed; the client is told to send it again"
            );
        }
        if error.is_unavailable() { Problem::unavailable() } else { Problem::internal() }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.let_go();
    }
}
