//! Personal access tokens: made, used, forged, leaked.

use std::time::Duration;

use futures_util::FutureExt as _;
use portcullis_base::clock::to_ms;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use reqwest::Method;
use serde_json::json;

use super::leaks::REPORTED_TYPE;
use super::walk::{Chapter, Line, Mismatch, Step, equal};
use super::world::World;
use crate::pats::rfc3339;

const OWNER: &str = "user:ann@example.com";
const PREFIX: &str = portcullis_pat::DEFAULT_PREFIX;
const LOCATION: &str = "https://gitlab.example.com/ann/dotfiles/-/blob/main/.netrc#L1";

/// The PATs that were made, the first of which leaks.
#[derive(Default)]
pub(super) struct OwnPats {
    pub(super) tokens: Vec<SecretString>,
}

impl OwnPats {
    fn first(&self) -> Result<&SecretString, Mismatch> {
        self.tokens.first().ok_or_else(|| Mismatch::new("a PAT made before", "none"))
    }
}

pub(super) fn chapter() -> Chapter<World> {
    Chapter {
        title: "Personal access tokens",
        steps: vec![
            Step::new("mint", |world, line| mint(world, line).boxed_local()),
            Step::new("use", |world, line| used(world, line).boxed_local()),
            Step::new("forge", |world, line| forged(world, line).boxed_local()),
            Step::new("leak", |world, line| leaked(world, line).boxed_local()),
        ],
    }
}

async fn mint(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent(format!("POST /v1/pats for {OWNER}"));
    world.mint("a laptop").await?;
    line.came(format!("201, {PREFIX}…, shown this once"));
    Ok(())
}

async fn used(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /auth with it, as a reverse proxy asks");
    let answer = world.api()?.auth(world.own.first()?).await?.with_status(200)?;
    answer.has("x-auth-identity", OWNER)?;
    answer.has("x-auth-method", "pat")?;
    answer.has("x-auth-scopes", "read")?;
    line.came(format!("200, X-Auth-Identity: {OWNER}, X-Auth-Scopes: read"));
    Ok(())
}

async fn forged(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /auth with one character of it changed");
    let mut token = world.own.first()?.expose_secret().to_owned();
    let last = token.pop();
    token.push(if last == Some('a') { 'b' } else { 'a' });
    world.api()?.auth(&SecretString::from(token)).await?.with_status(401)?;
    line.came("401");
    Ok(())
}

async fn leaked(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /v1/revoke_tokens with it, taken for a GitLab token");
    let (api, token) = (world.api()?, world.own.first()?);
    let finding = json!({
        "type": REPORTED_TYPE,
        "token": token.expose_secret(),
        "location": LOCATION,
        "vulnerability": null,
    });
    api.report(&[finding]).await?.with_status(204)?;
    api.auth(token).await?.with_status(401)?;
    let row = api.found_at(LOCATION).await?;
    let row = api.once(&row.fingerprint(), "revoked", 1).await?;
    row.has("/provider", "portcullis")?;
    row.has("/about/owner", OWNER)?;
    row.has("/about/name", "a laptop")?;
    line.came(format!("204, and /auth says 401 at once; {} is revoked", row.short()));
    Ok(())
}

impl World {
    /// Makes a PAT that can read for an hour, and sees that it is shown only now.
    pub(super) async fn mint(&mut self, name: &str) -> Result<SecretString, Mismatch> {
        let expires_at = rfc3339(to_ms(self.clock.now() + Duration::from_hours(1)));
        let wanted =
            json!({"name": name, "owner": OWNER, "scopes": ["read"], "expires_at": expires_at});
        let answer = self.api()?.mint(&wanted).await?.with_status(201)?;
        answer.has("cache-control", "no-store")?;
        let token = answer.body["token"].as_str().unwrap_or_default();
        if !token.starts_with(PREFIX) {
            return Err(Mismatch::new(format!("a token that begins with {PREFIX}"), "another"));
        }
        let token = SecretString::from(token);
        self.own.tokens.push(token.clone());
        let path = format!("/{}", answer.body["id"].as_str().unwrap_or_default());
        let shown = self.api()?.pats(Method::GET, &path).await?.with_status(200)?;
        equal("token shown again:", shown.body.get("token").is_some(), false)?;
        Ok(token)
    }
}
