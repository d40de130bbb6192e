//! Elsewhere, and where gitlab-jwt-2-pat was.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use portcullis_base::SystemRandomness;
use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use portcullis_gateway::config::{self, Environment, Loaded, Sources};
use portcullis_gateway::data_dir::DataDir;
use portcullis_test_support::{free_port, scratch_dir};
use reqwest::Method;

use crate::support::broker::{ADMIN_TOKEN, TOKENS, broker_toml, gitlab, jwt, revoked, token};
use crate::support::{Database, TestGateway, send};

pub(crate) async fn it_lives_where_it_is_mounted(database: Database) {
    let gitlab = gitlab();
    let section = broker_toml(&gitlab, "mount = \"/ci/broker\"");
    let gateway = TestGateway::start(&database, &section).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    for (method, path, status) in [
        (Method::GET, "/ci/broker/token", 200),
        (Method::DELETE, "/ci/broker/token", 204),
        (Method::POST, "/ci/broker/token", 405),
        (Method::GET, "/ci/broker/token/", 404),
        (Method::GET, "/token", 404),
        (Method::GET, "/ci/broker", 404),
    ] {
        let answer = send(gateway.request(method, path).bearer_auth(&jwt)).await;
        assert_eq!(answer.status, status, "{path}");
    }
    gateway.stop().await;
}

/// No file: only what gitlab-jwt-2-pat was told.
fn by_variables(gitlab: &FakeGitlab, port: u16, folder: &Path) -> Loaded {
    let authority = format!("{}/", gitlab.url());
    let listen = format!("http://localhost:{port}");
    let variables = [
        ("GITLAB__HOSTNAME", gitlab.url()),
        ("GITLAB__APIKEY", ADMIN_TOKEN),
        ("GITLAB__SUDOUSERLOGIN", "root"),
        ("GITLAB__TOKENCONFIG__SCOPES__0", "write_repository"),
        ("GITLAB__TOKENCONFIG__SCOPES__1", "read_api"),
        ("GITLAB__TOKENCONFIG__REVOKESECONDS", "2"),
        ("JWT__ISSUER", gitlab.url()),
        ("JWT__AUTHORITY", &authority),
        ("JWT__VALIDATE__AUDIENCE", "False"),
        ("ASPNETCORE_URLS", &listen),
        ("PORTCULLIS__SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
    ];
    let sources = Sources {
        file: None,
        data_dir: DataDir::at(folder.join("data")),
        environment: variables.into_iter().collect::<Environment>(),
    };
    config::load(&sources, &SystemRandomness).unwrap()
}

/// At an address that was free; another may have taken it since.
async fn started(gitlab: &FakeGitlab, folder: &Path) -> (TestGateway, u16) {
    let mut refusals = Vec::new();
    for _ in 0..5 {
        let port = free_port();
        match TestGateway::attempt(&by_variables(gitlab, port, folder)).await {
            Ok(gateway) => return (gateway, port),
            Err(error) => refusals.push(error),
        }
    }
    panic!("{refusals:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_predecessors_variables_start_one_that_works() {
    let (gitlab, folder) = (gitlab(), scratch_dir());
    let (gateway, port) = started(&gitlab, folder.path()).await;
    assert_eq!(gateway.address(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let health = gateway.get("/health").await;
    assert_eq!((health.status, health.text.as_str()), (200, "Healthy"));
    let job = JobSpec { audience: "whoever".to_owned(), ..JobSpec::default() };
    let given = token(&gateway, Method::GET, "", &jwt(&gitlab, &job)).await;
    assert_eq!(given.status, 200, "{given:?}");
    assert_eq!(gitlab.scopes_of(&given.text).unwrap(), ["write_repository", "read_api"]);
    assert!(gitlab.requests().iter().any(|r| r.path == TOKENS && r.query == "sudo=root"));
    revoked(&gitlab, &given.text).await;
    gateway.stop().await;
}
