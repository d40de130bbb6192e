//! An operator's own report: what to kill, told by hand.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_revocation::identity::short;
use portcullis_revocation::intake::{Intake, Report};
use portcullis_revocation::{Fingerprint, QueueError};
use portcullis_revocation_api::{Broken, Judged, NAMED, Rejection, parse};
use portcullis_store::Store;
use portcullis_store::ledger::Revocation;
use portcullis_web::{Problem, body, note};

use super::shown::{Indexed, Outcome, Row};
use crate::admin::Admin;
use crate::config::RevocationApi;
use crate::problems::of_store;

/// Who reported, in sightings. No configured client may have this name.
pub(crate) const ADMIN_REPORTER: &str = "admin";

/// The longest body, in bytes: each item is answered by itself.
const LONGEST: usize = 1024 * 1024;

/// Where reports go: app data of the handler.
pub(crate) struct Reports {
    intake: Arc<Intake>,
    max_batch: usize,
}

/// The items of a body, each with its index.
#[derive(Default)]
struct Sorted {
    taken: Vec<(usize, Report)>,
    rejected: Vec<(usize, Rejection)>,
    skipped: usize,
}

pub(super) async fn report(
    request: HttpRequest,
    payload: Payload,
    reports: Data<Reports>,
    store: Data<Store>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    let body = body(&request, payload, LONGEST).await?;
    let (judged, whole) = parse(&body);
    let Sorted { taken, rejected, skipped } =
        reports.sort(judged).await.map_err(|error| of_queue(&error))?;
    let of = reports.fingerprints(&taken);
    let account = note(&request);
    let named: Vec<String> = of.iter().take(NAMED).map(|(_, one)| short(one)).collect();
    account.touched("accepted", taken.len());
    account.touched("rejected", rejected.len());
    account.touched("fingerprints", named);
    if !taken.is_empty() {
        // From the first piece on, whatever becomes of the others.
        account.changed();
    }
    reports.commit(taken).await.map_err(|error| of_queue(&error))?;
    let rows = read_back(&store, &of).await?;
    let rejected = rejected.into_iter().map(|(index, why)| why.at(index as u64)).collect();
    answer(Outcome { revocations: rows, rejected, skipped }, whole)
}

impl Reports {
    /// Into this intake, in pieces as the Token Revocation API commits them.
    pub(crate) fn new(intake: Arc<Intake>, config: &RevocationApi) -> Self {
        Self { intake, max_batch: config.max_batch }
    }

    /// What is offered is taken, and what is ours under any type.
    async fn sort(&self, judged: Vec<Judged>) -> Result<Sorted, QueueError> {
        let mut sorted = Sorted::default();
        let mut doubtful = Vec::new();
        for (index, judged) in judged.into_iter().enumerate() {
            match judged {
                Judged::Skipped => sorted.skipped += 1,
                Judged::Rejected(why) => sorted.rejected.push((index, why)),
                Judged::Report(report) if self.intake.offers(&report.token_type) => {
                    sorted.taken.push((index, report));
                }
                Judged::Report(report) => doubtful.push((index, report)),
            }
        }
        let secrets: Vec<_> = doubtful.iter().map(|(_, report)| &report.secret).collect();
        let ours = self.intake.ours(&secrets).await?;
        for ((index, report), ours) in doubtful.into_iter().zip(ours) {
            if ours {
                sorted.taken.push((index, report));
            } else {
                sorted.rejected.push((index, Rejection::UnsupportedType));
            }
        }
        sorted.taken.sort_by_key(|(index, _)| *index);
        sorted.rejected.sort_by_key(|(index, _)| *index);
        Ok(sorted)
    }

    fn fingerprints(&self, taken: &[(usize, Report)]) -> Vec<(usize, Fingerprint)> {
        let one =
            |(index, report): &(usize, Report)| (*index, self.intake.fingerprint(&report.secret));
        taken.iter().map(one).collect()
    }

    async fn commit(&self, taken: Vec<(usize, Report)>) -> Result<(), QueueError> {
        let mut reports = taken.into_iter().map(|(_, report)| report);
        loop {
            let piece: Vec<Report> = reports.by_ref().take(self.max_batch).collect();
            if piece.is_empty() {
                return Ok(());
            }
            self.intake.accept(ADMIN_REPORTER, piece).await?;
        }
    }
}

/// What the database says of each, now that it is committed.
async fn read_back(store: &Store, of: &[(usize, Fingerprint)]) -> Result<Vec<Indexed>, Problem> {
    let fingerprints: Vec<Fingerprint> = of.iter().map(|(_, fingerprint)| *fingerprint).collect();
    let rows = store.revocations_of(&fingerprints).await.map_err(|error| of_store(&error))?;
    let rows: HashMap<&[u8], &Revocation> =
        rows.iter().map(|row| (row.fingerprint.as_slice(), row)).collect();
    let shown = |(index, fingerprint): &(usize, Fingerprint)| {
        let row = Row::new(rows.get(fingerprint.as_slice())?);
        Some(Indexed { index: *index, row })
    };
    Ok(of.iter().filter_map(shown).collect())
}

/// 200 where every item was taken or skipped; what is taken is told in any case.
fn answer(outcome: Outcome, whole: Result<(), Broken>) -> Result<HttpResponse, Problem> {
    let problem = match whole {
        Ok(()) if outcome.rejected.is_empty() => return Ok(HttpResponse::Ok().json(outcome)),
        Ok(()) => Problem::bad_request(
            "some_items_rejected",
            "the items listed here were not taken; all others were",
        ),
        // What comes before the broken place is taken: it may be alive.
        Err(broken) => Problem::bad_request("invalid_body", broken.to_string()),
    };
    Err(problem.with_all(&outcome))
}

fn of_queue(error: &QueueError) -> Problem {
    match error {
        QueueError::Store(error) => of_store(error),
        QueueError::Seal(error) => {
            tracing::error!(error = %error, "a secret could not be sealed");
            Problem::internal()
        }
    }
}
