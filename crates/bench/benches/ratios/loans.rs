//! Tokens that are lent: known to GitLab, waiting in the queue.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::{Clock as _, SystemClock, SystemRandomness};
use portcullis_fake_gitlab::{FakeGitlab, TokenKind, TokenSpec};
use portcullis_revocation::issuance::Issuances;

use crate::database::Database;
use crate::queue::{fill, intake, open, token, vault};

/// Whom the jobs' JWTs are for.
pub(crate) const AUDIENCE: &str = "https://portcullis.example.com";

const ADMIN_TOKEN: &str = "glpat-the-administrator-of-benches";
const ROOT: u64 = 1;

/// So many of one user: what GitLab lists on a page.
const PER_USER: usize = 100;
const FIRST_USER: usize = 1000;

/// What issuing leaves behind, all of it at once. Which secret is which number does not matter: GitLab is
/// told the number alone.
const ISSUE: &str = "INSERT INTO issuances
        (id, provider, user_id, job, state, created_at, lease_until, sweep_at, live_until, token_id, fingerprint)
    SELECT 'bench-' || n, 'http://127.0.0.1:' || CAST($3 AS BIGINT), $1 + (n - 1) / $2, fingerprint, 'issued', created_at, created_at,
        created_at, created_at + 172800000, n, fingerprint
    FROM (SELECT fingerprint, created_at, row_number() OVER (ORDER BY fingerprint) AS n
        FROM revocations) AS made";
/// Those up to number $1 fall due from $2 on, evenly over $3; the others a day later.
const PLAN: &str = "UPDATE revocations SET provider = 'impersonation',
        token_type = 'impersonation_token', due_at = plan.at, run_at = plan.at
    FROM (SELECT fingerprint AS f,
            CASE WHEN token_id <= $1 THEN $2 + token_id * $3 / $1 ELSE $2 + 86400000 END AS at
        FROM issuances) AS plan WHERE fingerprint = plan.f";

/// What is lent.
#[derive(Clone, Copy)]
pub(crate) struct Loans {
    /// So many fall due, those with the lowest numbers.
    pub(crate) due: usize,
    /// Evenly over so long.
    pub(crate) over: Duration,
    /// So many more fall due tomorrow.
    pub(crate) later: usize,
}

impl Loans {
    /// Lends them, and says when the first falls due, in milliseconds since 1970: `head_start` after all else
    /// was done.
    pub(crate) async fn make(
        self,
        database: &Database,
        gitlab: &FakeGitlab,
        head_start: Duration,
    ) -> i64 {
        let store = open(&database.url()).await;
        fill(&intake(&store).await, 0..self.due + self.later).await;
        let (random, clock) = (Arc::new(SystemRandomness), Arc::new(SystemClock));
        let issuances =
            Issuances::open(store.clone(), vault(&store).await, random, clock, gitlab.url());
        let issuances = issuances.await;
        let instance = issuances.expect("a database").instance().to_owned();
        store.close().await;
        drop(store);
        let small = |number: usize| i64::try_from(number).expect("it fits");
        let port = gitlab.url().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port: i64 = port.expect("it listens on a port of loopback");
        database.execute(ISSUE, &[small(FIRST_USER), small(PER_USER), port]).await;
        for number in 1..=self.due + self.later {
            gitlab.add_token_with(&token(number), spec(&instance, number));
        }
        add_administrator(gitlab);
        let first = SystemClock.now_ms() + millis(head_start);
        database.execute(PLAN, &[small(self.due), first, millis(self.over)]).await;
        first
    }

    /// When the one of this number falls due, counted from the first.
    pub(crate) fn due_after(self, number: usize) -> i64 {
        let number = i64::try_from(number).expect("it fits");
        number * millis(self.over) / i64::try_from(self.due).expect("it fits")
    }
}

/// As a token looks that the gateway of this database had made.
fn spec(instance: &str, number: usize) -> TokenSpec {
    let user = FIRST_USER + (number - 1) / PER_USER;
    TokenSpec {
        name: format!(
            "project_path:group/project:ref_type:branch:ref:main [portcullis:{instance}:bench-{number}]"
        ),
        user_id: u64::try_from(user).expect("it fits"),
        scopes: vec!["write_repository".to_owned()],
        kind: TokenKind::Impersonation,
        ..TokenSpec::default()
    }
}

/// Lets GitLab know whom the gateway acts as.
pub(crate) fn add_administrator(gitlab: &FakeGitlab) {
    let scopes = ["api", "sudo"].map(str::to_owned).into();
    let spec = TokenSpec { admin: true, user_id: ROOT, scopes, ..TokenSpec::default() };
    gitlab.add_token_with(ADMIN_TOKEN, spec);
}

/// The gateway's section.
pub(crate) fn section(gitlab: &FakeGitlab) -> String {
    format!(
        r#"
[impersonation]
gitlab_url = "{}"
admin_token = "{ADMIN_TOKEN}"
revoke_seconds = 3600
per_user = {{ per_second = 100000, burst = 100000 }}
per_project = {{ per_second = 100000, burst = 100000 }}
jwt.audiences = ["{AUDIENCE}"]
"#,
        gitlab.url(),
    )
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).expect("it fits")
}
