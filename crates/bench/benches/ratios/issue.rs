//! `GET /token`: proved, judged, made by a GitLab that answers at once, its revocation committed.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use portcullis_base::http::{ClientOptions, client};
use portcullis_fake_gitlab::{FakeGitlab, JobSpec, TokenState};

use crate::database::Database;
use crate::loans::{AUDIENCE, add_administrator, section};
use crate::measure::{median, millis, per_second, percentile};
use crate::process::Gateway;
use crate::row::Row;

const JOBS: u64 = 3_000;
/// Jobs that ask at the same time.
const AT_A_TIME: usize = 16;
/// Of so many users.
const USERS: u64 = 100;

/// How many tokens are given out a second.
pub(crate) async fn row(database: &Database) -> Row {
    let gitlab = FakeGitlab::start();
    add_administrator(&gitlab);
    let jwts: Vec<String> = (0..JOBS).map(|job| jwt(&gitlab, job)).collect();
    let (gateway, _) = Gateway::start_with(&database.url(), &section(&gitlab)).await;
    let http = client(&ClientOptions::default()).expect("a client");
    let url = format!("http://127.0.0.1:{}/token", gateway.port);
    let ask = async |jwt: &String| {
        let begun = Instant::now();
        let answer = http.get(&url).bearer_auth(jwt).send().await.expect("it answers");
        assert_eq!(answer.status(), 200);
        (answer.text().await.expect("a token"), begun.elapsed())
    };
    let begun = Instant::now();
    let given: Vec<(String, Duration)> =
        stream::iter(&jwts).map(ask).buffer_unordered(AT_A_TIME).collect().await;
    let rate = per_second(given.len(), begun.elapsed());
    assert!(given.iter().all(|(token, _)| gitlab.state(token) == Some(TokenState::Active)));
    let times: Vec<f64> = given.iter().map(|(_, time)| millis(*time)).collect();
    let (p50, p99) = (median(times.clone()), percentile(times, 99));
    let what = format!("GET /token on {}, {AT_A_TIME} jobs at a time", database.name());
    Row::figure(what, "tokens a second", rate)
        .noting(format!("p50 {p50:.1} ms, p99 {p99:.1} ms; two commits each"))
}

fn jwt(gitlab: &FakeGitlab, job: u64) -> String {
    let audience = AUDIENCE.to_owned();
    let user_id = 1000 + job % USERS;
    gitlab.add_user(portcullis_fake_gitlab::UserSpec {
        id: user_id,
        username: format!("user-{user_id}"),
        ..Default::default()
    });
    gitlab.mint_id_token(&JobSpec { audience, user_id, job_id: job + 1, ..JobSpec::default() })
}
