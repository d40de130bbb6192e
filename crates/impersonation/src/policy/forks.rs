//! Whether a job runs code of the project that it runs in.
//!
//! In a merge request from a fork, a member's pipeline runs what somebody else wrote, and the JWT names the
//! member as its user. `project_id` is then the fork, and `job_project_id` the project that it runs in.

use super::job::Job;
use super::refusal::Refusal;

/// What the claims say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Both projects are this one.
    Same(u64),
    /// There is but one, and the pipeline is of a kind that forks never have: this one.
    OfOne,
    /// Two projects.
    Fork { project: u64, job_project: u64 },
    /// GitLab does not tell where the job runs, and this says why it might be elsewhere.
    Unknown(&'static str),
}

/// Refuses forks, and what might be one, unless they are allowed.
pub(super) fn admit(job: &Job, allowed: bool) -> Result<(), Refusal> {
    match Origin::of(job) {
        Origin::Same(_) | Origin::OfOne => Ok(()),
        _ if allowed => Ok(()),
        Origin::Fork { project, job_project } => Err(Refusal::Fork { project, job_project }),
        Origin::Unknown(why) => Err(Refusal::ForkUnknown(why)),
    }
}

impl Origin {
    pub(super) fn of(job: &Job) -> Self {
        match (job.project_id(), job.job_project_id()) {
            (Some(project), Some(job_project)) if project == job_project => Self::Same(project),
            (Some(project), Some(job_project)) => Self::Fork { project, job_project },
            _ => Self::guess(job),
        }
    }

    /// Before 18.4. A child of a merge request's pipeline names neither the merge request nor its ref: it
    /// says `parent_pipeline` and the source branch, as the child of a branch's pipeline does.
    fn guess(job: &Job) -> Self {
        if job.ref_path().is_some_and(|path| path.starts_with("refs/merge-requests/")) {
            return Self::Unknown("its ref_path is a merge request's");
        }
        match job.pipeline_source() {
            Some("merge_request_event") => {
                Self::Unknown("its pipeline_source is merge_request_event")
            }
            Some("parent_pipeline") => Self::Unknown(
                "its pipeline_source is parent_pipeline, whose parent may be a merge request's",
            ),
            Some(_) => Self::OfOne,
            None => Self::Unknown("it has no pipeline_source either"),
        }
    }
}
