//! What leaks at the pretended GitLab: made up anew each time, and good for nothing else.

use std::time::Duration;

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_base::{Clock, Randomness};
use portcullis_fake_gitlab::{FakeGitlab, TokenSpec, TokenState};
use portcullis_revocation::formats::GITLAB_TYPES;
use serde_json::{Value, json};

use super::queue::Row;
use super::walk::Mismatch;
use crate::pats::rfc3339;

/// The type under which GitLab reports its routable tokens.
pub(super) const REPORTED_TYPE: &str = GITLAB_TYPES[0];
/// The type whose tokens die only when an operator agrees.
pub(super) const APPROVED_TYPE: &str = "gitleaks_rule_id_gitlab-pat";
/// A type that the gateway of the demo does not offer.
pub(super) const FOREIGN_TYPE: &str = "gitleaks_rule_id_slack_token";

const DAY: Duration = Duration::from_hours(24);

/// A token of GitLab's that somebody committed.
pub(super) struct Leak {
    pub(super) secret: SecretString,
    /// Where it was found first.
    pub(super) location: String,
    token_type: &'static str,
    spec: TokenSpec,
}

/// All that leak, each with a part of its own to play.
pub(super) struct Leaks {
    /// It works, and is found again and again.
    pub(super) live: Leak,
    /// It was revoked by hand before anyone reported it.
    pub(super) dead: Leak,
    /// GitLab has never seen it.
    pub(super) unknown: Leak,
    /// Another vendor's.
    pub(super) foreign: Leak,
    /// It works, and is reported while GitLab is down.
    pub(super) in_outage: Leak,
    /// It works, and somebody must agree to its end.
    pub(super) held: Leak,
    /// It works, and the gateway stops before it could be revoked.
    pub(super) in_restart: Leak,
}

impl Leaks {
    /// Fresh ones.
    pub(super) fn made(clock: &dyn Clock, random: &dyn Randomness) -> Self {
        let leak = |name: &str, user_id, days, place: &str| Leak {
            secret: routable(random),
            location: format!("https://gitlab.example.com/{place}"),
            token_type: REPORTED_TYPE,
            spec: TokenSpec { name: name.to_owned(), user_id, ..used(clock, DAY * days) },
        };
        let dead = leak("old laptop", 12, 90, "gitlab/gitlab/ann/app/-/blob/main/.npmrc#L4");
        let foreign = leak("", 0, 0, "ann/app/-/blob/main/notify.sh#L9");
        let held = leak("release bot", 7, 1, "ops/release/-/blob/main/Makefile#L30");
        Leaks {
            live: leak("deploy bot", 42, 2, "ann/app/-/blob/main/deploy.sh#L21"),
            dead: Leak { spec: TokenSpec { state: TokenState::Revoked, ..dead.spec }, ..dead },
            unknown: leak("", 0, 0, "ann/notes/-/blob/main/todo.md#L1"),
            foreign: Leak { token_type: FOREIGN_TYPE, ..foreign },
            in_outage: leak("nightly build", 17, 1, "ops/build/-/blob/main/.env#L2"),
            held: Leak { token_type: APPROVED_TYPE, ..held },
            in_restart: leak("mirror", 23, 3, "ops/mirror/-/blob/main/sync.py#L77"),
        }
    }

    /// Tells GitLab of those that it is to know.
    pub(super) fn make_known_to(&self, gitlab: &FakeGitlab) {
        for leak in [&self.live, &self.dead, &self.in_outage, &self.held, &self.in_restart] {
            gitlab.add_token_with(leak.secret.expose_secret(), leak.spec.clone());
        }
    }

    /// Every secret among them.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let Self { live, dead, unknown, foreign, in_outage, held, in_restart } = self;
        [live, dead, unknown, foreign, in_outage, held, in_restart]
            .map(|leak| &leak.secret)
            .into_iter()
    }
}

impl Leak {
    /// What GitLab sends of it: the finding's vulnerability rides along, whole.
    pub(super) fn finding(&self) -> Value {
        finding(self.token_type, self.secret.expose_secret(), &self.location)
    }

    /// The same, found at another place. Its vulnerability is gone by now.
    pub(super) fn found_again(&self, location: &str) -> Value {
        let mut again = finding(self.token_type, self.secret.expose_secret(), location);
        again["vulnerability"] = Value::Null;
        again
    }

    /// The same, found nobody knows where.
    pub(super) fn found_nowhere(&self) -> Value {
        let mut finding = self.finding();
        if let Some(members) = finding.as_object_mut() {
            members.remove("location");
        }
        finding
    }

    /// How it stands at GitLab.
    pub(super) fn state_at(&self, gitlab: &FakeGitlab) -> Option<TokenState> {
        gitlab.state(self.secret.expose_secret())
    }

    /// That it stands like this at GitLab.
    pub(super) fn is(&self, expected: TokenState, gitlab: &FakeGitlab) -> Result<(), Mismatch> {
        let state = self.state_at(gitlab);
        if state == Some(expected) {
            return Ok(());
        }
        let came = state.map_or("unknown".to_owned(), |state| format!("{state:?}"));
        Err(Mismatch::new(format!("the token {expected:?} at GitLab"), format!("it {came} there")))
    }

    /// How many requests GitLab has got that carried it.
    pub(super) fn requests_to(&self, gitlab: &FakeGitlab, method: &str) -> usize {
        let secret = self.secret.expose_secret();
        let carried = |token: &Option<String>| token.as_deref() == Some(secret);
        let requests = gitlab.requests();
        requests.iter().filter(|r| r.method == method && carried(&r.private_token)).count()
    }

    /// That the row says whose it was, as GitLab knew it; and that in words.
    pub(super) fn owner_in(&self, row: &Row) -> Result<String, Mismatch> {
        let TokenSpec { name, user_id, last_used_at, .. } = &self.spec;
        row.has("/about/name", name)?;
        row.has("/about/user_id", &user_id.to_string())?;
        row.has("/about/last_used_at", last_used_at.as_deref().unwrap_or_default())?;
        Ok(format!("\"{name}\" of user {user_id}"))
    }

    /// The day on which it was last used.
    pub(super) fn last_used(&self) -> &str {
        let day = self.spec.last_used_at.as_deref().and_then(|at| at.split('T').next());
        day.unwrap_or_default()
    }
}

/// What GitLab sends of a token that was found.
pub(super) fn finding(token_type: &str, token: &str, location: &str) -> Value {
    json!({
        "type": token_type,
        "token": token,
        "location": location,
        "vulnerability": {
            "id": 7,
            "state": "detected",
            "severity": "critical",
            "identifiers": [{"name": "Gitleaks rule ID"}],
            "location": {"file": "deploy.sh", "start_line": 21, "blob_path": null},
        },
    })
}

/// A finding whose extract the scanner did not keep.
pub(super) fn without_extract() -> Value {
    let mut finding = finding(REPORTED_TYPE, "", "https://gitlab.example.com/ann/app");
    finding["token"] = Value::Null;
    finding
}

fn used(clock: &dyn Clock, ago: Duration) -> TokenSpec {
    let at = |ago: Duration| {
        let ms = i64::try_from(ago.as_millis()).unwrap_or_default();
        rfc3339((clock.now_ms() - ms) / 1000 * 1000)
    };
    TokenSpec { created_at: at(DAY * 120), last_used_at: Some(at(ago)), ..TokenSpec::default() }
}

/// A token of the routable form, with a version.
pub(super) fn routable(random: &dyn Randomness) -> SecretString {
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    let text = hex::encode(bytes);
    SecretString::from(format!("glpat-{}.01.{}", &text[..30], &text[30..39]))
}
