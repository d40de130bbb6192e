//! The lines that the pages give to pipelines, read as GitLab reads them and run as a job runs them.

use std::path::Path;
use std::process::Command;

use portcullis_test_support::scratch_dir;
use saphyr::{LoadableYamlNode as _, YamlOwned};
use serde_json::{Value, json};

use super::{World, url, verified};
use crate::support::Database;

/// What a page has in blocks of this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let start = format!("```{language}\n");
    let blocks = text.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(str::to_owned).collect()
}

/// The lines of scripts. A line that YAML takes for a mapping fails here.
fn lines(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks(page, "yaml") {
        let document = YamlOwned::load_from_str(&block).unwrap().remove(0);
        let scripts: Vec<YamlOwned> = match document.as_mapping() {
            Some(jobs) => {
                jobs.iter().filter_map(|(_, job)| job.as_mapping_get("script").cloned()).collect()
            }
            None => vec![document],
        };
        for line in scripts.iter().flat_map(|script| script.as_sequence().unwrap()) {
            lines.push(line.as_str().expect("a line of a script is a text").to_owned());
        }
    }
    lines
}

/// What a job's shell writes, and what it leaves in `token.jwt`.
async fn run(world: &World, line: &str, token: String) -> (String, String) {
    let folder = scratch_dir();
    let mut command = Command::new("sh");
    command.args(["-e", "-c", line]).current_dir(folder.path()).env("NO_PROXY", "*");
    command.env("PORTCULLIS_URL", url(&world.gateway)).env("ID_TOKEN", token);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    let left = std::fs::read_to_string(folder.path().join("token.jwt"));
    (String::from_utf8(output.stdout).unwrap(), left.unwrap_or_default())
}

pub(crate) async fn the_guides_lines_work_when_pasted(database: Database) {
    for page in ["README.md", "docs/impersonation.md"] {
        assert!(lines(page).iter().any(|line| line.contains("$PORTCULLIS_JWT")), "{page}");
    }
    let world = World::start(&database, "").await;
    let lines = lines("docs/oidc-proxy.md");
    let asking: Vec<_> = lines.iter().filter(|line| line.contains("$PORTCULLIS_URL")).collect();
    assert_eq!(asking.len(), 5, "the job, and one for each cloud");
    for line in asking {
        // One has the token in a variable.
        let line = match line.strip_prefix("TOKEN=") {
            Some(_) => format!("{line}; printf %s \"$TOKEN\" > token.jwt"),
            None => line.clone(),
        };
        let (_, token) = run(&world, &line, world.token(json!({}))).await;
        verified(&world.gateway, &token).await;
    }
    world.gateway.stop().await;
}

pub(crate) async fn the_guides_exchange_works_when_pasted(database: Database) {
    let world = World::start(&database, "").await;
    let blocks = blocks("docs/oidc-proxy.md", "sh");
    let exchange = blocks.iter().find(|block| block.contains("grant_type=")).unwrap();
    let (curl, _) = exchange.split_once(" | jq").unwrap();
    let token = world.token(json!({"aud": "sts.amazonaws.com"}));
    let (answer, _) = run(&world, curl, token).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    verified(&world.gateway, answer["access_token"].as_str().unwrap()).await;
    world.gateway.stop().await;
}
