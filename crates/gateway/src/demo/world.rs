//! Where the demo takes place: a data directory, a GitLab and vendors that are not real ones, a gateway.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_base::{Clock, Randomness};
use portcullis_fake_gitlab::FakeGitlab;

use super::api::Api;
use super::issuer::Issuer;
use super::jobs::{AUDIENCE, Lending};
use super::leaks::{APPROVED_TYPE, Leaks, REPORTED_TYPE};
use super::others::Others;
use super::own::OwnPats;
use super::walk::Mismatch;
use crate::config::{self, Environment, Sources};
use crate::data_dir::{DataDir, SecretName};
use crate::error::StartError;
use crate::serve::Gateway;

/// Everything that steps need and hand on to each other.
pub(super) struct World {
    pub(super) data_dir: DataDir,
    pub(super) gitlab: FakeGitlab,
    pub(super) random: Arc<dyn Randomness>,
    pub(super) clock: Arc<dyn Clock>,
    /// What leaks at GitLab.
    pub(super) leaks: Leaks,
    /// Tokens that the gateway itself makes.
    pub(super) own: OwnPats,
    /// Tokens that GitLab makes, and the gateway lends.
    pub(super) lending: Lending,
    /// What signs GitLab's tokens anew.
    pub(super) issuer: Issuer,
    /// Vendors, and what leaks of theirs.
    pub(super) others: Others,
    running: Option<Running>,
}

struct Running {
    gateway: Gateway,
    api: Api,
}

impl World {
    /// With a GitLab and vendors that know what will leak, in an empty directory; no gateway runs yet.
    /// Must be called in a runtime.
    pub(super) fn new(
        directory: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
    ) -> Result<Self, StartError> {
        let gitlab = FakeGitlab::start();
        let leaks = Leaks::made(clock.as_ref(), random.as_ref());
        leaks.make_known_to(&gitlab);
        let lending = Lending::made(random.as_ref());
        lending.make_known_to(&gitlab);
        let failed = |error: &dyn std::fmt::Display| {
            StartError::new("demo", format!("{}: {error}", directory.display()))
        };
        let issuer = Issuer::made(directory, clock.now()).map_err(|error| failed(&error))?;
        let others = Others::made(directory, random.as_ref()).map_err(|error| failed(&error))?;
        let world = Self {
            data_dir: DataDir::at(directory),
            gitlab,
            random,
            clock,
            leaks,
            own: OwnPats::default(),
            lending,
            issuer,
            others,
            running: None,
        };
        world.write_configuration().map_err(|error| failed(&error))?;
        Ok(world)
    }

    /// The configuration file, left for people to read.
    pub(super) fn configuration(&self) -> PathBuf {
        self.data_dir.path().join("portcullis.toml")
    }

    /// Where the gateway's log goes.
    pub(super) fn log(&self) -> PathBuf {
        self.data_dir.path().join("portcullis.log")
    }

    /// The running gateway's listeners.
    pub(super) fn api(&self) -> Result<&Api, Mismatch> {
        let running = self.running.as_ref().map(|running| &running.api);
        running.ok_or_else(|| Mismatch::new("a running gateway", "none"))
    }

    /// Starts a gateway on what the directory holds, on ports that are free.
    pub(super) async fn start(&mut self) -> Result<(), StartError> {
        let sources = Sources {
            file: Some(self.configuration()),
            data_dir: self.data_dir.clone(),
            // What this machine's environment says is about another gateway.
            environment: Environment::default(),
        };
        let loaded = config::load(&sources, self.random.as_ref())?;
        let gateway = Gateway::start(&loaded).await?;
        let api = Api {
            http: client(&ClientOptions::default()).map_err(|e| StartError::new("http", e))?,
            public: format!("http://{}", gateway.public_address()),
            admin: format!("http://{}", gateway.admin_address()),
            admin_token: self.secret(SecretName::AdminToken)?,
            reporting_token: self.secret(SecretName::RevocationApiToken)?,
        };
        self.running = Some(Running { gateway, api });
        Ok(())
    }

    /// Stops the gateway, if one runs.
    pub(super) async fn stop(&mut self) {
        if let Some(Running { gateway, api }) = self.running.take() {
            // With its idle connections, which the gateway would wait for.
            drop(api);
            gateway.stop().await;
        }
    }

    /// Every token that was made or leaked so far.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let vendors = self.others.secrets();
        self.leaks.secrets().chain(vendors).chain(&self.own.tokens).chain(&self.lending.told)
    }

    /// A secret of the data directory.
    pub(super) fn secret(&self, name: SecretName) -> Result<SecretString, StartError> {
        let opened = self.data_dir.open(self.random.as_ref())?;
        let secret = opened.secrets.get(name).map_err(|e| self.data_dir.secrets_error(e))?;
        Ok(secret.clone())
    }

    fn write_configuration(&self) -> std::io::Result<()> {
        let path = self.configuration();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(self.toml().as_bytes())
    }

    fn toml(&self) -> String {
        let gitlab = self.gitlab.url();
        let admin_token = self.lending.admin_token.expose_secret();
        let (issuer, others) = (self.issuer.toml(gitlab), self.others.toml());
        format!(
            r#"# The gateway of `portcullis demo`: any free ports, and a GitLab that is soon asked again.
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
workers = 2
shutdown_grace = "1s"

[revocation]
retry_base = "100ms"
retry_cap = "400ms"
poll_interval = "100ms"

[revocation.modes]
"{APPROVED_TYPE}" = "approve"

[[revocation.providers]]
kind = "gitlab"
url = "{gitlab}"
types = ["{REPORTED_TYPE}", "{APPROVED_TYPE}"]

[impersonation]
gitlab_url = "{gitlab}"
admin_token = "{admin_token}"
scopes = ["write_repository"]
revoke_seconds = 2
jwt.audiences = ["{AUDIENCE}"]

[[impersonation.rules]]
claims = {{ project_path = "ops/*", ref_protected = "true" }}
scopes = ["api", "write_repository"]
revoke_seconds = 60

[[impersonation.rules]]
claims = {{ project_path = "ann/*" }}
{issuer}{others}"#
        )
    }
}
