//! A private GitLab's jobs prove to the world who they are.

use std::fmt::Display;

use futures_util::FutureExt as _;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use portcullis_jwt_verify::sources::{RemoteKeys, RemoteOptions};
use portcullis_jwt_verify::{VerifiedClaims, Verifier};
use serde_json::json;

use super::api::{Answer, Api, send};
use super::issuer::{CLOUD, LIFETIME};
use super::jobs::{self, Form};
use super::leaks::{REPORTED_TYPE, finding};
use super::walk::{Chapter, Line, Mismatch, Step, equal};
use super::world::World;

const SUBJECT: &str = "project:ops/release:branch:main";
const JOB_LOG: &str = "https://gitlab.example.com/ops/release/-/jobs/514#L12";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

pub(super) fn chapter() -> Chapter<World> {
    Chapter {
        title: "Tokens of a private GitLab, signed anew for a cloud",
        steps: vec![
            Step::new("publish", |world, line| publish(world, line).boxed_local()),
            Step::new("re-sign", |world, line| resign(world, line).boxed_local()),
            Step::new("exchange", |world, line| exchange(world, line).boxed_local()),
            Step::new("policy", |world, line| policy(world, line).boxed_local()),
            Step::new("foreign", |world, line| foreign(world, line).boxed_local()),
            Step::new("dry-up", |world, line| dry_up(world, line).boxed_local()),
            Step::new("methods", |world, line| methods(world, line).boxed_local()),
        ],
    }
}

async fn publish(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /.well-known/openid-configuration and jwks.json, with no credential");
    let api = world.api()?;
    let discovery = api.published("openid-configuration", None).await?.with_status(200)?;
    let issuer = discovery.body["issuer"].as_str().unwrap_or_default();
    equal("issuer", issuer, &api.public)?;
    let keys = api.published("jwks.json", None).await?.with_status(200)?;
    keys.has("content-type", "application/jwk-set+json")?;
    keys.has("cache-control", "public, max-age=300")?;
    let published = keys.body["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    equal("keys", published.len(), 1)?;
    equal("private half published:", published[0].get("d").is_some(), false)?;
    api.published("jwks.json", keys.header("etag")).await?.with_status(304)?;
    line.came("200: one public key, ES256, good for 300 s; with its ETag 304");
    Ok(())
}

async fn resign(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent(format!("POST /token with the id_token of a job of ops/release, for {CLOUD}"));
    let jwt = world.id_token(&for_cloud(jobs::of_release(508)));
    let answer = world.api()?.resign(&jwt).await?.with_status(200)?;
    answer.has("content-type", "application/jwt")?;
    answer.has("cache-control", "no-store")?;
    let claims = world.believed(&answer.text).await?;
    let algorithm = claims.header().algorithm().name();
    line.came(format!("200, {algorithm}, proved from the published key alone; sub {SUBJECT}"));
    Ok(())
}

/// As OAuth has it (RFC 8693).
async fn exchange(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /token as a form: the grant token-exchange, with an id_token");
    let jwt = world.id_token(&for_cloud(jobs::of_release(509)));
    let answer = world.api()?.exchange(&jwt, CLOUD).await?.with_status(200)?;
    equal("type", text(&answer, "issued_token_type"), ID_TOKEN)?;
    world.believed(text(&answer, "access_token")).await?;
    let refused = world.api()?.exchange(&jwt, "vault").await?.with_status(400)?;
    equal("error", text(&refused, "error"), "invalid_target")?;
    line.came("200, as JSON, and proved as well; for an aud that it has not: invalid_target");
    Ok(())
}

async fn policy(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /token, a job of ann/app; one of ops/release for another audience");
    let app = world.id_token(&for_cloud(jobs::of_app(510)));
    refused(world.api()?, &app, "no_rule").await?;
    let release = world.id_token(&jobs::of_release(511));
    refused(world.api()?, &release, "audience").await?;
    line.came("403 (no_rule); 403 (audience)");
    Ok(())
}

/// The same job in every word, of a GitLab that is none of ours.
async fn foreign(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /token, the same job at another GitLab, signed by that one");
    let other = FakeGitlab::start();
    let jwt = SecretString::from(other.mint_id_token(&for_cloud(jobs::of_release(512))));
    world.lending.told.push(jwt.clone());
    refused(world.api()?, &jwt, "invalid_token").await?;
    line.came("403 (invalid_token)");
    Ok(())
}

/// Nobody calls such a token back, but no more of them come.
async fn dry_up(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /v1/revoke_tokens: a re-signed token, as a GitLab token");
    let jwt = world.id_token(&for_cloud(jobs::of_release(514)));
    let leaked = world.api()?.resign(&jwt).await?.with_status(200)?.text;
    world.lending.told.push(SecretString::from(leaked.as_str()));
    let api = world.api()?;
    api.report(&[finding(REPORTED_TYPE, &leaked, JOB_LOG)]).await?.with_status(204)?;
    let row = api.found_at(JOB_LOG).await?;
    row.has("/state", "noted")?;
    row.has("/code", "resigned")?;
    refused(api, &jwt, "leaked").await?;
    line.came(format!("204: {} is noted; its id_token brings no more: 403 (leaked)", row.short()));
    Ok(())
}

/// Two surfaces have `/token`, and neither takes what is meant for the other.
async fn methods(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /token, which lends, with an id_token for the cloud; PUT /token");
    let jwt = world.id_token(&for_cloud(jobs::of_release(513)));
    let api = world.api()?;
    let lent = api.token("", Form::Plain, &jwt).await?.with_status(401)?;
    equal("code", lent.code(), "invalid_token")?;
    let put = api.put_token().await?.with_status(405)?;
    put.has("allow", "DELETE, GET, POST")?;
    line.came("401 (invalid_token): its aud is another; 405, Allow: DELETE, GET, POST");
    Ok(())
}

async fn refused(api: &Api, jwt: &SecretString, code: &str) -> Result<(), Mismatch> {
    let answer = api.resign(jwt).await?.with_status(403)?;
    equal("code", answer.code(), code)
}

fn for_cloud(job: JobSpec) -> JobSpec {
    JobSpec { audience: CLOUD.to_owned(), ..job }
}

fn text<'a>(answer: &'a Answer, member: &str) -> &'a str {
    answer.body[member].as_str().unwrap_or_default()
}

impl World {
    /// A re-signed token's claims, as a cloud sees them that knows the issuer's address and nothing else.
    async fn believed(&mut self, token: &str) -> Result<VerifiedClaims, Mismatch> {
        self.lending.told.push(SecretString::from(token));
        let api = self.api()?;
        let failed = |error: &dyn Display| Mismatch::new("a token that proves itself", error);
        let keys = RemoteKeys::discover(&api.public, RemoteOptions::new(api.http.clone()));
        let verifier = Verifier::builder(keys.map_err(|error| failed(&error))?)
            .issuer(&api.public)
            .audience(CLOUD)
            .require_key_id()
            .build();
        let claims = verifier.verify(token).await.map_err(|error| failed(&error))?;
        equal("sub", claims.subject().unwrap_or_default(), SUBJECT)?;
        let lifetime = claims.expires_at().zip(claims.issued_at());
        let seconds = lifetime.map(|(until, from)| (until - from).whole_seconds());
        equal("lifetime", seconds.unwrap_or_default(), LIFETIME)?;
        Ok(claims)
    }
}

impl Api {
    /// A document of the issuer, unless it is the one that the caller has.
    async fn published(&self, name: &str, known: Option<&str>) -> Result<Answer, Mismatch> {
        let request = self.http.get(format!("{}/.well-known/{name}", self.public));
        match known {
            Some(tag) => send(request.header("If-None-Match", tag)).await,
            None => send(request).await,
        }
    }

    async fn resign(&self, jwt: &SecretString) -> Result<Answer, Mismatch> {
        let body = json!({ "token": jwt.expose_secret() }).to_string();
        send(self.http.post(format!("{}/token", self.public)).body(body)).await
    }

    async fn exchange(&self, jwt: &SecretString, audience: &str) -> Result<Answer, Mismatch> {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", jwt.expose_secret()),
            ("subject_token_type", ID_TOKEN),
            ("audience", audience),
        ];
        send(self.http.post(format!("{}/token", self.public)).form(&form)).await
    }

    async fn put_token(&self) -> Result<Answer, Mismatch> {
        send(self.http.put(format!("{}/token", self.public))).await
    }
}
