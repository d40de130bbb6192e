//! Leaked keys of other vendors, and what GitHub finds of ours.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use portcullis_base::secret::ExposeSecret as _;
use serde_json::{Value, json};

use super::api::{Answer, Api, send};
use super::others::{Key, Others};
use super::queue::Row;
use super::signed;
use super::vendor::{HOOK, LEAKS, REVOKE};
use super::walk::{Chapter, Line, Mismatch, Step, equal};
use super::world::World;

const ON_GITHUB: &str = "https://github.com/ann/dotfiles/blob/main/.netrc";
/// Far beyond what it takes to be told.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

pub(super) fn chapter() -> Chapter<World> {
    Chapter {
        title: "Leaked keys of other vendors, and ours on GitHub",
        steps: vec![
            Step::new("vendor", |world, line| revoke(world, line).boxed_local()),
            Step::new("lie", |world, line| lie(world, line).boxed_local()),
            Step::new("partner", |world, line| partner(world, line).boxed_local()),
            Step::new("nobody", |world, line| nobody(world, line).boxed_local()),
            Step::new("github", |world, line| github(world, line).boxed_local()),
        ],
    }
}

async fn revoke(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /v1/revoke_tokens: a key of Acme's, which one request revokes");
    let (api, others) = (world.api()?, &world.others);
    let row = api.leaked(&others.acme).await?;
    let row = api.once(&row.fingerprint(), "revoked", 1).await?;
    row.has("/provider", "acme")?;
    equal("alive at Acme:", others.vendor.knows(&others.acme.secret), false)?;
    equal("requests to Acme:", others.vendor.posts(REVOKE).len(), 1)?;
    let took = row.milliseconds("/created_at")?;
    line.came(format!("204; POST {REVOKE} as it was described: dead there within {took} ms"));
    Ok(())
}

async fn lie(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("one more, while Acme does nothing and says 200, an error inside");
    let (api, others) = (world.api()?, &world.others);
    others.vendor.lie(true);
    let row = api.leaked(&others.lied_about).await?;
    let row = api.once(&row.fingerprint(), "pending", 1).await?;
    row.has("/code", "unexpected_answer")?;
    equal("alive at Acme:", others.vendor.knows(&others.lied_about.secret), true)?;
    others.vendor.lie(false);
    let row = api.once(&row.fingerprint(), "revoked", 2).await?;
    equal("alive at Acme:", others.vendor.knows(&others.lied_about.secret), false)?;
    let tried = row.number("/attempts");
    line.came(format!("not believed, pending (unexpected_answer); revoked at attempt {tried}"));
    Ok(())
}

async fn partner(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("a key of Globex's, who is told as GitLab tells its partners");
    let (api, others) = (world.api()?, &world.others);
    let row = api.leaked(&others.globex).await?;
    api.once(&row.fingerprint(), "submitted", 1).await?;
    let posts = others.vendor.posts(LEAKS);
    let [post] = posts.as_slice() else {
        return Err(Mismatch::new("1 request to Globex", posts.len()));
    };
    let told: Value = serde_json::from_str(&post.body).unwrap_or_default();
    equal("leaks", told.as_array().map_or(0, Vec::len), 1)?;
    equal("url", told[0]["url"].as_str().unwrap_or("(none)"), &others.globex.location)?;
    let same = told[0]["token"] == others.globex.secret.expose_secret();
    equal("its token the leaked one:", same, true)?;
    let keys = send(api.http.get(format!("{}/v1/public_keys", api.public))).await?;
    let keys = keys.with_status(200)?.body;
    equal("proved by /v1/public_keys:", signed::proves(post, &post.body, &keys), true)?;
    let more = format!("{} ", post.body);
    equal("proved with a byte more:", signed::proves(post, &more, &keys), false)?;
    line.came("submitted; Globex proves the signature with our /v1/public_keys");
    Ok(())
}

async fn nobody(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("a key of AWS, which no one request revokes");
    let (api, others) = (world.api()?, &world.others);
    let row = api.leaked(&others.aws).await?;
    let row = api.once(&row.fingerprint(), "noted", 0).await?;
    row.has("/code", "notify")?;
    let began = Instant::now();
    let notice = others.notice(&row).await?;
    let took = began.elapsed().as_millis();
    equal("state", notice["state"].as_str().unwrap_or("(none)"), "noted")?;
    equal("location", notice["locations"][0].as_str().unwrap_or("(none)"), &others.aws.location)?;
    let told = others.vendor.posts(HOOK);
    for secret in world.secrets() {
        let known = told.iter().any(|post| post.body.contains(secret.expose_secret()));
        equal("the webhook has a secret:", known, false)?;
    }
    line.came(format!("noted; the webhook is told of {} {took} ms later, no secret", row.short()));
    Ok(())
}

async fn github(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("POST /v1/partners/github, signed as GitHub does: a PAT of ours");
    let pat = world.mint("on GitHub").await?;
    let (api, others) = (world.api()?, &world.others);
    let found = json!({
        "type": "our_token", "token": pat.expose_secret(), "url": ON_GITHUB, "source": "content",
    });
    let body = json!([found]).to_string();
    let changed = api.found_by_github(others, &body, format!("{body} ")).await?;
    equal("code", changed.with_status(400)?.code(), "invalid_signature")?;
    api.auth(&pat).await?.with_status(200)?;
    let answer = api.found_by_github(others, &body, body.clone()).await?.with_status(200)?;
    let label = answer.body[0]["label"].as_str().unwrap_or("(none)");
    equal("label", label, "true_positive")?;
    api.auth(&pat).await?.with_status(401)?;
    let row = api.found_at(&format!("{ON_GITHUB} (content)")).await?;
    api.once(&row.fingerprint(), "revoked", 1).await?;
    line.came("200, true_positive, and /auth says 401; with a byte more 400");
    Ok(())
}

impl Others {
    /// What the webhook is told of this row, once it is.
    async fn notice(&self, row: &Row) -> Result<Value, Mismatch> {
        let until = Instant::now() + PATIENCE;
        loop {
            for post in self.vendor.posts(HOOK) {
                let told: Value = serde_json::from_str(&post.body).unwrap_or_default();
                let mut notices = told["notices"].as_array().into_iter().flatten();
                if let Some(notice) = notices.find(|n| n["fingerprint"] == row.fingerprint()) {
                    return Ok(notice.clone());
                }
            }
            if Instant::now() >= until {
                return Err(Mismatch::new(format!("a notice within {PATIENCE:?}"), "none"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Api {
    /// Reports it; gives its row.
    async fn leaked(&self, key: &Key) -> Result<Row, Mismatch> {
        self.report(&[key.finding()]).await?.with_status(204)?;
        self.found_at(&key.location).await
    }

    /// Sends one body with the signature of another, or of itself.
    async fn found_by_github(
        &self,
        others: &Others,
        signed: &str,
        sent: String,
    ) -> Result<Answer, Mismatch> {
        let failed = |error| Mismatch::new("a signature", error);
        let mut request = self.http.post(format!("{}/v1/partners/github", self.public)).body(sent);
        for (name, value) in others.github.headers(signed).map_err(failed)? {
            request = request.header(name, value);
        }
        send(request).await
    }
}
