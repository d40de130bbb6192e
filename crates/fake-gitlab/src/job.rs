//! A CI job, as its `id_token` tells of it.

use serde_json::{Map, Value, json};

use crate::chance;

/// So long before its making GitLab lets an `id_token` begin, in seconds.
const EARLIER: i64 = 5;

/// What an `id_token` says. What varies between jobs is a member of its own, any other claim can be set
/// or taken away by `extra`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// For whom (`aud`).
    pub audience: String,
    /// Who started the job.
    pub user_id: u64,
    /// The same by login name.
    pub user_login: String,
    /// The project; for a merge request from a fork, the fork.
    pub project_id: u64,
    /// The same by path.
    pub project_path: String,
    /// The project that the job runs in; `None` for a GitLab too old to say (before 18.4).
    pub job_project_id: Option<u64>,
    /// The same by path.
    pub job_project_path: Option<String>,
    /// The branch or tag.
    pub ref_name: String,
    /// `branch` or `tag`.
    pub ref_type: String,
    /// Whether the branch or tag is protected.
    pub ref_protected: bool,
    /// What started the pipeline.
    pub pipeline_source: String,
    /// The environment that the job deploys to, if it does.
    pub environment: Option<String>,
    /// The job.
    pub job_id: u64,
    /// From its making to its end, in seconds.
    pub lifetime: i64,
    /// When it was made, in seconds from now: negative for the past.
    pub issued_at: i64,
    /// Claims to set as given, or where `null`, to leave out.
    pub extra: Map<String, Value>,
}

impl Default for JobSpec {
    /// A push by user 2 to an unprotected branch of project 20, for an hour.
    fn default() -> Self {
        Self {
            audience: "https://portcullis.example.com".to_owned(),
            user_id: 2,
            user_login: "sample-user".to_owned(),
            project_id: 20,
            project_path: "my-group/my-project".to_owned(),
            job_project_id: Some(20),
            job_project_path: Some("my-group/my-project".to_owned()),
            ref_name: "feature-branch-1".to_owned(),
            ref_type: "branch".to_owned(),
            ref_protected: false,
            pipeline_source: "push".to_owned(),
            environment: None,
            job_id: 302,
            lifetime: 3600,
            issued_at: 0,
            extra: Map::new(),
        }
    }
}

impl JobSpec {
    /// The claims of an `id_token` that `issuer` makes at `now` (seconds since 1970), each time with
    /// another `jti`.
    pub fn claims(&self, issuer: &str, now: i64) -> Map<String, Value> {
        let iat = now + self.issued_at;
        let subject = format!(
            "project_path:{}:ref_type:{}:ref:{}",
            self.project_path, self.ref_type, self.ref_name
        );
        let mut claims = object(json!({
            "iss": issuer,
            "sub": subject,
            "aud": self.audience,
            "target_audience": self.audience,
            "jti": chance::uuid(),
            "iat": iat,
            "nbf": iat - EARLIER,
            "exp": iat + self.lifetime,
        }));
        claims.extend(self.of_project());
        claims.extend(self.of_user());
        claims.extend(self.of_pipeline(issuer));
        claims.extend(self.of_environment());
        for (name, value) in &self.extra {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        claims
    }

    fn of_project(&self) -> Map<String, Value> {
        let mut claims = object(json!({
            "project_id": self.project_id.to_string(),
            "project_path": self.project_path,
            "namespace_id": "72",
            "namespace_path": namespace(&self.project_path),
            "project_visibility": "private",
        }));
        if let Some(id) = self.job_project_id {
            claims.insert("job_project_id".to_owned(), id.to_string().into());
            claims.insert("job_namespace_id".to_owned(), "72".into());
        }
        if let Some(path) = &self.job_project_path {
            claims.insert("job_project_path".to_owned(), path.as_str().into());
            claims.insert("job_namespace_path".to_owned(), namespace(path).into());
        }
        claims
    }

    fn of_user(&self) -> Map<String, Value> {
        object(json!({
            "user_id": self.user_id.to_string(),
            "user_login": self.user_login,
            "user_email": format!("{}@example.com", self.user_login),
            "user_access_level": "developer",
            "user_identities": [{ "provider": "github", "extern_uid": "2435223452345" }],
            "groups_direct": [namespace(&self.project_path)],
        }))
    }

    fn of_pipeline(&self, issuer: &str) -> Map<String, Value> {
        let folder = if self.ref_type == "tag" { "tags" } else { "heads" };
        let path = format!("refs/{folder}/{}", self.ref_name);
        let host = issuer.split_once("://").map_or(issuer, |(_, host)| host);
        let sha = "714a629c0b401fdce83e847fc9589983fc6f46bc";
        let project = &self.project_path;
        object(json!({
            "pipeline_id": "574",
            "pipeline_source": self.pipeline_source,
            "job_id": self.job_id.to_string(),
            "job_source": self.pipeline_source,
            "job_config": {
                "url": format!("{issuer}/{project}/-/blob/{sha}/.gitlab-ci.yml"),
                "sha": sha,
            },
            "ref": self.ref_name,
            "ref_type": self.ref_type,
            "ref_path": path,
            "ref_protected": self.ref_protected.to_string(),
            "runner_id": 1,
            "runner_environment": "self-hosted",
            "sha": sha,
            "ci_config_ref_uri": format!("{host}/{project}//.gitlab-ci.yml@{path}"),
            "ci_config_sha": sha,
        }))
    }

    fn of_environment(&self) -> Map<String, Value> {
        let Some(name) = &self.environment else { return Map::new() };
        object(json!({
            "environment": name,
            "environment_protected": "false",
            "deployment_tier": "testing",
            "environment_action": "start",
        }))
    }
}

fn namespace(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(namespace, _)| namespace)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
