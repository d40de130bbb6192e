//! A job, as the claims of its JWT tell it.

use portcullis_jwt_verify::VerifiedClaims;
use serde_json::{Map, Value};

use super::refusal::{Misfit, Refusal};

/// Who runs what where. Outside this module there is but one way to get one: from claims that are proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    user_id: u64,
    user_login: Option<String>,
    project_id: Option<u64>,
    project_path: Option<String>,
    runs_in: Option<u64>,
    id: Option<String>,
    pipeline_source: Option<String>,
    ref_path: Option<String>,
    subject: String,
    issuer: String,
    token_id: Option<String>,
}

impl Job {
    /// Reads the claims that the broker itself goes by.
    ///
    /// # Errors
    /// [`Refusal::Claim`] where one that is needed is absent, or one that is there is not as GitLab
    /// writes it: null is not absence, and a number is no text.
    pub fn read(claims: &VerifiedClaims) -> Result<Self, Refusal> {
        Self::of(claims.members())
    }

    /// The same of claims that nobody needs to have proved: for explaining.
    pub(super) fn of(claims: &Map<String, Value>) -> Result<Self, Refusal> {
        projects_agree(claims)?;
        Ok(Self {
            user_id: needed("user_id", id(claims, "user_id")?)?.1,
            user_login: text(claims, "user_login")?,
            project_id: number(claims, "project_id")?,
            project_path: text(claims, "project_path")?,
            runs_in: number(claims, "job_project_id")?,
            id: id(claims, "job_id")?.map(|(text, _)| text),
            pipeline_source: text(claims, "pipeline_source")?,
            ref_path: text(claims, "ref_path")?,
            subject: needed("sub", text(claims, "sub")?)?,
            issuer: needed("iss", text(claims, "iss")?)?,
            token_id: text(claims, "jti")?,
        })
    }

    /// `user_id`: whom the token will be of. Never 0.
    pub fn user_id(&self) -> u64 {
        self.user_id
    }

    /// `user_login`: a name, which may have been another user's before.
    pub fn user_login(&self) -> Option<&str> {
        self.user_login.as_deref()
    }

    /// `project_id`: whose code runs; of a fork's merge request the fork.
    pub fn project_id(&self) -> Option<u64> {
        self.project_id
    }

    /// `project_path`, of the same.
    pub fn project_path(&self) -> Option<&str> {
        self.project_path.as_deref()
    }

    /// `job_project_id`: where it runs. GitLab tells since 18.4.
    pub fn job_project_id(&self) -> Option<u64> {
        self.runs_in
    }

    /// `job_id`: digits.
    pub fn job_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// `pipeline_source`, such as `push`.
    pub fn pipeline_source(&self) -> Option<&str> {
        self.pipeline_source.as_deref()
    }

    /// `ref_path`, such as `refs/heads/main`.
    pub fn ref_path(&self) -> Option<&str> {
        self.ref_path.as_deref()
    }

    /// `sub`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `jti`.
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// What this job is known by to its issuer: all its JWTs have the same. Without a `job_id` each JWT
    /// stands for itself, and without a `jti` too there is nothing to know it by.
    pub fn key(&self) -> Option<String> {
        let job = self.job_id().map(|id| format!("job:{id}"));
        job.or_else(|| self.token_id().map(|id| format!("jti:{id}")))
    }
}

/// GitLab writes the claims of both projects from the same two records. Claims that name one project by id
/// and two by path (or the other way round) are none of its own: a rule over paths and the decision about
/// forks, which goes by ids, would speak of different projects.
fn projects_agree(claims: &Map<String, Value>) -> Result<(), Refusal> {
    let (project, job) = (number(claims, "project_id")?, number(claims, "job_project_id")?);
    let (path, job_path) = (text(claims, "project_path")?, text(claims, "job_project_path")?);
    if job_path.is_some() {
        needed("job_project_id", job)?;
    }
    if job.is_some() {
        needed("project_id", project)?;
    }
    if path.is_some() && job_path.is_some() && (project == job) != (path == job_path) {
        return Err(Refusal::Claim {
            claim: "job_project_path",
            misfit: Misfit::Contradicts("project_path, project_id and job_project_id"),
        });
    }
    Ok(())
}

fn needed<T>(claim: &'static str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or(Refusal::Claim { claim, misfit: Misfit::Absent })
}

fn number(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<u64>, Refusal> {
    Ok(id(claims, claim)?.map(|(_, number)| number))
}

/// As text and as number.
fn id(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<(String, u64)>, Refusal> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let id = value.as_str().and_then(|text| Some((text.to_owned(), parse_id(text)?)));
    id.map(Some).ok_or(Refusal::Claim { claim, misfit: Misfit::Id })
}

/// The number that GitLab writes in this way: `^[1-9][0-9]{0,18}$`. Ids are compared as texts elsewhere,
/// so each has to have one text only.
pub(super) fn parse_id(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && text.len() <= 19 && !text.starts_with('0')).then(|| text.parse().ok()).flatten()
}

fn text(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<String>, Refusal> {
    match claims.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && !text.contains(char::is_control) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Refusal::Claim { claim, misfit: Misfit::Text }),
    }
}
