//! What of a job stands in the log.

use portcullis_fake_gitlab::JobSpec;
use serde_json::json;

use crate::log;
use crate::support::broker::{
    ADMIN_TOKEN, broker_toml, broker_toml_with, gitlab, given, job_with, jwt,
};
use crate::support::{Database, TestGateway};

/// No other test has it in its lines, and all tests have one log.
fn mark(database: &Database) -> String {
    let folder = database.folder().file_name().unwrap();
    format!("https://{}.example.com/mark", folder.display())
}

/// All that may not be logged, as it is in these tests: the search would find it.
pub(crate) async fn what_is_searched_for_is_what_there_is(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let token = given(&gateway, &gitlab, &JobSpec::default()).await;
    for secret in [&token, &jwt(&gitlab, &JobSpec::default()), ADMIN_TOKEN] {
        assert!(log::has_secret(&format!("x={secret}")), "{secret}");
    }
    gateway.stop().await;
}

pub(crate) async fn an_audience_that_nobody_checks_is_told(database: Database) {
    let gitlab = gitlab();
    let section = broker_toml_with(&gitlab, "jwt.validate_audience = false");
    let gateway = TestGateway::start(&database, &section).await;
    for n in 0..2 {
        let audience = format!("{}-{n}", mark(&database));
        assert_eq!(log::lines_with(&audience), 0);
        let job = JobSpec { audience: audience.clone(), ..JobSpec::default() };
        for _ in 0..2 {
            given(&gateway, &gitlab, &job).await;
        }
        assert_eq!(log::lines_with(&audience), 1, "once");
    }
    gateway.stop().await;
}

pub(crate) async fn claims_are_logged_where_that_is_wanted(database: Database) {
    let gitlab = gitlab();
    let mark = mark(&database);
    for (section, lines) in [("", 0), ("log_claims = true", 1)] {
        let gateway = TestGateway::start(&database, &broker_toml(&gitlab, section)).await;
        given(&gateway, &gitlab, &job_with([("x_mark", json!(mark))])).await;
        assert_eq!(log::lines_with(&mark), lines, "{section}");
        gateway.stop().await;
    }
}
