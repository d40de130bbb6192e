//! The job that `docs/ci` gives to pipelines, run as a runner runs it.

use std::fs;
use std::path::Path;
use std::process::Command;

use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use saphyr::{LoadableYamlNode as _, YamlOwned};
use serde_json::json;

use super::ways::jobs_toml;
use super::{report_file, vulnerability};
use crate::support::broker::jwt;
use crate::support::{Database, PAT_TYPE, TestGateway};

/// What the template says at these keys.
fn template(keys: &[&str]) -> YamlOwned {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ci/report.gitlab-ci.yml");
    let documents = YamlOwned::load_from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let at = |node: YamlOwned, key: &&str| node.as_mapping_get(key).unwrap().clone();
    keys.iter().fold(documents[0].clone(), at)
}

fn words(keys: &[&str]) -> Vec<String> {
    let lines = template(keys);
    let lines = lines.as_sequence().unwrap().iter();
    lines.map(|line| line.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_after_the_scan_has_its_secrets_revoked() {
    let (database, gitlab) = (Database::sqlite().await, FakeGitlab::start());
    let gateway = TestGateway::start(&database, &jobs_toml(&gitlab, "")).await;
    let (folder, pat) = (database.folder(), gateway.mint().await.token);
    let files = words(&["secret_detection", "artifacts", "paths"]);
    assert_eq!(words(&["portcullis_report", "needs"]), ["secret_detection"]);
    let audience = template(&["portcullis_report", "id_tokens", "PORTCULLIS_ID_TOKEN", "aud"]);
    assert_eq!(audience.as_str(), Some("$PORTCULLIS_URL"));
    let binary =
        Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().unwrap().display().to_string();
    let run = |jwt: &str| {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &words(&["portcullis_report", "script"]).join("\n")]);
        command.current_dir(folder).env_clear().env("PATH", format!("{binary}:/usr/bin:/bin"));
        command.env("PORTCULLIS_URL", format!("http://{}", gateway.address()));
        command.env("PORTCULLIS_ID_TOKEN", jwt).output().unwrap()
    };
    let job = jwt(&gitlab, &JobSpec::default());
    assert_eq!(run(&job).status.code(), Some(2), "the scan left nothing");
    let file = report_file(folder, &[vulnerability(PAT_TYPE, json!(pat), 1)]);
    fs::rename(folder.join(file), folder.join(&files[0])).unwrap();
    assert_eq!(run("a.b.c").status.code(), Some(2));
    assert_eq!(gateway.auth(&pat).await.status, 200);
    let output = run(&job);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(gateway.auth(&pat).await.status, 401);
    gateway.stop().await;
}
