//! `portcullis report`

mod extract;
mod finding;
mod gitlab;
mod gitleaks;
mod loose;
mod own;
mod progress;
mod read;
mod send;
mod tally;
#[cfg(test)]
mod tests;
mod told;

use std::process::ExitCode;

use self::progress::Progress;
use self::read::Opened;
use self::tally::Tally;
use super::output::Output;
use super::remote::Remote;
use super::runtime;
use crate::cli::ReportArgs;
use crate::config::Environment;
use crate::error::StartError;

/// 0 where all that could be reported was taken, 1 where something was not, 2 where nothing was
/// tried: for pipelines, which tell a leak that lives on from a job that is set up wrongly.
pub(super) fn run(args: &ReportArgs, environment: &Environment, output: &mut Output) -> ExitCode {
    let done = Remote::reporting(args, environment, output)
        .and_then(|remote| runtime::block_on(report(&remote, args, output))?);
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output.error(&error);
            ExitCode::from(2)
        }
    }
}

/// Whether all that could be reported was taken.
async fn report(
    remote: &Remote,
    args: &ReportArgs,
    output: &mut Output,
) -> Result<bool, StartError> {
    let file = Opened::open(&args.file)?;
    let mut progress = Progress::new(output.for_machines());
    let types = send::patiently(args.patience, &progress, async || remote.reportable_types().await);
    let mut tally = Tally::new(types.await.map_err(|refusal| refusal.error)?);
    progress.reading(&file);
    let read = file.read(args.format, |file| progress.watch(file), &mut |one| tally.add(one));
    progress.end();
    let read = read?;
    output.warnings(read.warning.as_slice());
    let trouble = if args.dry_run {
        send::nothing(&mut tally)
    } else {
        progress.sending(tally.items.len());
        let sent = send::all(remote, &mut tally, args.patience, &progress).await;
        progress.end();
        sent
    };
    told::tell(&tally, &trouble, read.format, args.dry_run, output);
    Ok(trouble.is_none())
}
