//! From a body that was proven to what is committed of it.

use portcullis_revocation::QueueError;
use portcullis_revocation::identity::short;
use portcullis_revocation::intake::Report;
use portcullis_web::{Account, Problem};

use super::{Partner, Partners, finding};
use crate::NAMED;
use crate::handlers::invalid;
use crate::splitter::{ArraySplitter, Element};

/// A finding, and what it is.
pub(super) struct Taken {
    pub(super) report: Report,
    /// Whether it is of this installation; then it is committed.
    pub(super) ours: bool,
}

/// Commits what is ours, and gives all findings in their order.
pub(super) async fn take_in(
    partners: &Partners,
    partner: &Partner,
    account: &Account,
    body: &[u8],
) -> Result<Vec<Taken>, Problem> {
    let (findings, odd) = read(body)?;
    let reporter = partner.programme.reporter();
    let mut taken = judge(partners, findings).await.map_err(|error| failed(reporter, &error))?;
    let committed = taken.iter().filter(|one| one.ours);
    let named = committed.take(NAMED).map(|one| partners.intake.fingerprint(&one.report.secret));
    account.touched("fingerprints", named.map(|one| short(&one)).collect::<Vec<_>>());
    let mut ours = taken.iter_mut().filter(|one| one.ours).map(|one| one.report.clone());
    let mut accepted = 0;
    loop {
        let piece = ours.by_ref().take(partners.max_batch);
        let piece: Vec<Report> = piece.map(|report| partner.translated(report)).collect();
        if piece.is_empty() {
            break;
        }
        accepted += piece.len();
        account.changed();
        let accept = partners.intake.accept(reporter, piece).await;
        accept.map_err(|error| failed(reporter, &error))?;
    }
    drop(ours);
    account.touched("accepted", accepted);
    account.touched("not_ours", taken.len() - accepted);
    tracing::info!(
        revocation.client = reporter,
        revocation.accepted = accepted,
        revocation.not_ours = taken.len() - accepted,
        revocation.skipped = odd,
        "reported"
    );
    Ok(taken)
}

impl Partner {
    fn translated(&self, report: Report) -> Report {
        let ours = self.types.get(&report.token_type).cloned();
        Report { token_type: ours.unwrap_or(report.token_type), ..report }
    }
}

/// The findings, and how many odd items were passed over.
fn read(body: &[u8]) -> Result<(Vec<Report>, usize), Problem> {
    let (mut findings, mut odd) = (Vec::new(), 0);
    let mut splitter = ArraySplitter::default();
    let each = |element: Element<'_>| match finding::read(element) {
        Some(report) => findings.push(report),
        None => odd += 1,
    };
    splitter.feed(body, each).and_then(|()| splitter.finish()).map_err(invalid)?;
    Ok((findings, odd))
}

async fn judge(partners: &Partners, findings: Vec<Report>) -> Result<Vec<Taken>, QueueError> {
    let mut ours = Vec::with_capacity(findings.len());
    for piece in findings.chunks(partners.max_batch) {
        let secrets: Vec<_> = piece.iter().map(|report| &report.secret).collect();
        ours.extend(partners.intake.ours(&secrets).await?);
    }
    let taken = findings.into_iter().zip(ours).map(|(report, ours)| Taken { report, ours });
    Ok(taken.collect())
}

fn failed(reporter: &str, error: &QueueError) -> Problem {
    tracing::error!(
        error = %error,
        cause = std::error::Error::source(error).map(tracing::field::display),
        revocation.client = reporter,
        "a batch was not committed; the client is told to send it again"
    );
    if error.is_unavailable() { Problem::unavailable() } else { Problem::internal() }
}
