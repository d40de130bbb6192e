//! Jobs of the pretended GitLab, and what they are lent.

use portcullis_base::Randomness;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_fake_gitlab::{FakeGitlab, JobSpec, TokenSpec, TokenState, UserSpec};

use super::api::{Answer, Api};
use super::leaks::routable;
use super::queue::Row;
use super::walk::{Mismatch, equal};
use super::world::World;

/// Whom the jobs' JWTs are for.
pub(super) const AUDIENCE: &str = "https://portcullis.example.com";

/// She starts jobs.
const ANN: u64 = 42;
/// An administrator, of every GitLab the first user.
const ROOT: u64 = 1;

/// What GitLab and the gateway have told each other, and jobs been told.
pub(super) struct Lending {
    /// With it the gateway makes tokens.
    pub(super) admin_token: SecretString,
    /// The jobs' JWTs, and the tokens that they were lent.
    pub(super) told: Vec<SecretString>,
    /// One that dies when its time is over.
    pub(super) kept: Option<Lent>,
    /// One that its job gives back.
    pub(super) narrowed: Option<Lent>,
    /// One that its job gives back while GitLab is down.
    pub(super) in_restart: Option<Lent>,
}

/// A token that a job was lent.
pub(super) struct Lent {
    pub(super) token: SecretString,
    pub(super) jwt: SecretString,
    /// The answer that brought it.
    pub(super) answer: Answer,
    /// How the gateway's row names the job.
    pub(super) place: String,
}

/// How a job likes its answer.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Plain,
    Json,
}

impl Lending {
    /// With a fresh token for the gateway.
    pub(super) fn made(random: &dyn Randomness) -> Self {
        Self {
            admin_token: routable(random),
            told: Vec::new(),
            kept: None,
            narrowed: None,
            in_restart: None,
        }
    }

    /// Tells GitLab whose token that is, and who starts jobs.
    pub(super) fn make_known_to(&self, gitlab: &FakeGitlab) {
        let ann = UserSpec { id: ANN, username: "ann".to_owned(), ..UserSpec::default() };
        gitlab.add_user(UserSpec { name: "Ann".to_owned(), ..ann });
        let scopes = ["api", "sudo"].map(str::to_owned).into();
        let spec = TokenSpec { admin: true, user_id: ROOT, scopes, ..TokenSpec::default() };
        gitlab.add_token_with(self.admin_token.expose_secret(), spec);
    }
}

/// A job of Ann's, in her own project.
pub(super) fn of_app(job_id: u64) -> JobSpec {
    of(job_id, 20, "ann/app")
}

/// A job of Ann's on the protected branch of a project that counts for more.
pub(super) fn of_release(job_id: u64) -> JobSpec {
    let ref_name = "main".to_owned();
    JobSpec { ref_name, ref_protected: true, ..of(job_id, 21, "ops/release") }
}

/// A job of Ann's where no rule looks.
pub(super) fn of_nobody(job_id: u64) -> JobSpec {
    of(job_id, 22, "someone/else")
}

/// A merge request's job: it runs in Ann's project, with the code of somebody's fork of it.
pub(super) fn of_fork(job_id: u64) -> JobSpec {
    JobSpec {
        project_id: 23,
        project_path: "bob/app".to_owned(),
        pipeline_source: "merge_request_event".to_owned(),
        ..of_app(job_id)
    }
}

/// The same as [`of_release`], but an administrator started it.
pub(super) fn of_administrator(job_id: u64) -> JobSpec {
    JobSpec { user_id: ROOT, user_login: "root".to_owned(), ..of_release(job_id) }
}

fn of(job_id: u64, project_id: u64, path: &str) -> JobSpec {
    JobSpec {
        audience: AUDIENCE.to_owned(),
        user_id: ANN,
        user_login: "ann".to_owned(),
        project_id,
        project_path: path.to_owned(),
        job_project_id: Some(project_id),
        job_project_path: Some(path.to_owned()),
        job_id,
        ..JobSpec::default()
    }
}

impl World {
    /// What the job's GitLab gives it as `id_token`.
    pub(super) fn id_token(&mut self, job: &JobSpec) -> SecretString {
        let jwt = SecretString::from(self.gitlab.mint_id_token(job));
        self.lending.told.push(jwt.clone());
        jwt
    }

    /// Has a job fetch a token, with a query (`?…`) or none.
    pub(super) async fn lend(
        &mut self,
        job: &JobSpec,
        query: &str,
        form: Form,
    ) -> Result<Lent, Mismatch> {
        let jwt = self.id_token(job);
        let answer = self.api()?.token(query, form, &jwt).await?.with_status(200)?;
        answer.has("cache-control", "no-store")?;
        let token = match form {
            Form::Plain => answer.text.as_str(),
            Form::Json => answer.body["token"].as_str().unwrap_or_default(),
        };
        let token = SecretString::from(token);
        self.lending.told.push(token.clone());
        let JobSpec { user_login, project_path, job_id, .. } = job;
        let place = format!("user {user_login}, project {project_path}, job {job_id}");
        Ok(Lent { token, jwt, answer, place })
    }

    /// How many tokens GitLab has made for users, dead ones too.
    pub(super) fn made_by_gitlab(&self) -> usize {
        [ANN, ROOT].iter().map(|user| self.gitlab.impersonation_tokens(*user).len()).sum()
    }
}

impl Lent {
    /// That GitLab takes it for Ann's, with these scopes.
    pub(super) async fn works(
        &self,
        api: &Api,
        gitlab: &FakeGitlab,
        scopes: &[&str],
    ) -> Result<(), Mismatch> {
        let seen = api.gitlab_self(gitlab, &self.token).await?.with_status(200)?.body;
        equal("user", seen["user_id"].as_u64().unwrap_or_default(), ANN)?;
        equal("scopes", names(&seen["scopes"]), scopes.join(", "))
    }

    /// Its row once it is revoked, at the first attempt; and that GitLab takes it no longer.
    pub(super) async fn dies(&self, api: &Api, gitlab: &FakeGitlab) -> Result<Row, Mismatch> {
        let row = api.found_at(&self.place).await?;
        let row = api.once(&row.fingerprint(), "revoked", 1).await?;
        row.has("/provider", "impersonation")?;
        row.has("/about/user_id", &ANN.to_string())?;
        equal("alive at GitLab:", self.is_alive(gitlab), false)?;
        let refused = api.gitlab_self(gitlab, &self.token).await?.with_status(401)?;
        equal("error", refused.body["error"].as_str().unwrap_or_default(), "invalid_token")?;
        Ok(row)
    }

    /// Whether it works at GitLab.
    pub(super) fn is_alive(&self, gitlab: &FakeGitlab) -> bool {
        gitlab.state(self.token.expose_secret()) == Some(TokenState::Active)
    }
}

/// A list of texts, as one text.
pub(super) fn names(list: &serde_json::Value) -> String {
    let list: Vec<_> = list.as_array().into_iter().flatten().filter_map(|n| n.as_str()).collect();
    list.join(", ")
}
