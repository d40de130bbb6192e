//! One request's items on their way into the queue.

use std::collections::BTreeMap;
use std::time::Instant;

use portcullis_revocation::QueueError;
use portcullis_revocation::identity::short;
use portcullis_revocation::intake::Report;
use portcullis_web::{Account, Problem};
use serde_json::json;

use crate::clients::Client;
use crate::items::{Judged, Rejection};
use crate::{NAMED, RevocationApi};

/// Rejections that are listed one by one; more are only counted.
const LISTED: usize = 1000;

/// What has been read of a body, and what became of it.
pub(crate) struct Batch<'a> {
    api: &'a RevocationApi,
    client: &'a Client,
    account: &'a Account,
    /// The first fingerprints that were sent to be committed.
    named: Vec<String>,
    began: Instant,
    waiting: Vec<Report>,
    /// What this client may not report, each with its index: taken only where it is ours.
    doubtful: Vec<(u64, Report)>,
    index: u64,
    accepted: u64,
    skipped: u64,
    rejected: u64,
    /// Those of the lowest indexes.
    listed: BTreeMap<u64, Rejection>,
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
        self.waiting.len() + self.doubtful.len() >= self.api.max_batch
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
        let listed: Vec<_> = self
            .listed
            .iter()
            .map(|(index, why)| json!({"index": index, "code": why.code(), "reason": why.reason()}))
            .collect();
        problem
            .with("accepted", self.accepted)
            .with("skipped", self.skipped)
            .with("rejected_total", self.rejected)
            .with("rejected", listed)
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
        tracing::error!(
            error = %error,
            cause = std::error::Error::source(error).map(tracing::field::display),
            revocation.client = self.client.name(),
            "a batch was not committed; the client is told to send it again"
        );
        if error.is_unavailable() { Problem::unavailable() } else { Problem::internal() }
    }
}
