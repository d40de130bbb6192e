//! Tokens of ours that leak: nobody calls them back, but no more of them come.

use reqwest::Method;
use serde_json::{Value, json};

use super::{World, post, section};
use crate::log::has_secret;
use crate::support::{Database, PAT_TYPE, TestGateway, client_toml, eventually, send};

const UNHEARD_OF: &str = "gitleaks_rule_id_jwt";

/// A token of ours for one of theirs, not looked into.
async fn ours(world: &World, theirs: &str) -> String {
    let answer = world.post(json!({"token": theirs})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

async fn report(world: &World, token_type: &str, token: &str) -> u16 {
    let item = json!([{"type": token_type, "token": token, "location": "https://x/a#L1"}]);
    world.gateway.report(&item).await.status
}

async fn code(world: &World, theirs: &str) -> String {
    let answer = world.post(json!({"token": theirs})).await;
    if answer.status == 200 { "issued".to_owned() } else { answer.code() }
}

/// The only row, which holds nothing secret.
async fn row(world: &World) -> Value {
    let mut all = world.gateway.revocations("").await;
    assert_eq!(all.len(), 1, "{all:?}");
    let row = all.remove(0);
    assert!(!has_secret(&row.to_string()), "{row}");
    row
}

pub(crate) async fn a_leaked_token_is_noted_and_its_source_dries_up(database: Database) {
    let issuer = "issuer = \"https://oidc.example.com\"\ntoken_id = true\nmax_lifetime = \"5m\"\n\
                  clone_upstream_claims = [\"sub\"]";
    let world = World::start(&database, issuer).await;
    let (theirs, other) = (world.token(json!({"jti": "1"})), world.token(json!({"jti": "2"})));
    let (leaked, again) = (ours(&world, &theirs).await, ours(&world, &theirs).await);
    ours(&world, &other).await;
    assert_eq!(report(&world, UNHEARD_OF, &leaked).await, 204);
    assert_eq!(code(&world, &theirs).await, "leaked", "at once");
    assert_eq!(code(&world, &other).await, "issued", "others are others");
    let row = row(&world).await;
    let member = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    assert_eq!((member("state"), member("code")), ("noted".into(), "resigned".into()));
    assert_eq!((member("provider"), member("type")), ("oidc_proxy".into(), UNHEARD_OF.into()));
    let reason = member("reason");
    assert!(reason.contains("brings no more") && reason.contains("\"ann\""), "{reason}");
    // Another one of the same source, as another type, by the way, and the first one once more.
    for (token_type, token) in [(PAT_TYPE, &again), (PAT_TYPE, &leaked), (UNHEARD_OF, &leaked)] {
        assert_eq!(report(&world, token_type, token).await, 204);
    }
    let states: Vec<_> =
        world.gateway.revocations("").await.iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["noted", "noted"]);
    let World { upstream, ours: keys, gateway, .. } = world;
    gateway.stop().await;
    let rest = format!("signing_algs = [\"ES256\"]\n{issuer}");
    let world = World::with(&database, keys, upstream, &rest).await;
    assert_eq!(code(&world, &theirs).await, "leaked", "after a restart too");
    assert_eq!(code(&world, &other).await, "issued");
    world.gateway.stop().await;
}

pub(crate) async fn what_says_not_what_it_was_made_of_is_noted_alone(database: Database) {
    for (config, jti, why) in [
        ("", json!("1"), "without oidc_proxy.token_id"),
        ("clone_upstream_claims = [\"jti\"]", json!("1"), "without oidc_proxy.token_id"),
        ("token_id = true", Value::Null, "no jti"),
    ] {
        let world = World::start(&database, config).await;
        let theirs = world.token(json!({ "jti": jti }));
        let leaked = ours(&world, &theirs).await;
        assert_eq!(report(&world, UNHEARD_OF, &leaked).await, 204);
        let found = world.gateway.revocations("?state=noted").await;
        let told = |row: &&Value| row["reason"].as_str().is_some_and(|text| text.contains(why));
        assert!(found.iter().any(|row| told(&row)), "{config}: {found:?}");
        assert_eq!(code(&world, &theirs).await, "issued", "{config}");
        world.gateway.stop().await;
    }
}

pub(crate) async fn a_forged_token_is_nobodys(database: Database) {
    let world = World::start(&database, "token_id = true").await;
    let theirs = world.token(json!({"jti": "1"}));
    let good = ours(&world, &theirs).await;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let twisted: String = signature.chars().rev().collect();
    let stranger = portcullis_test_support::SigningKey::generate("ES256", "ours");
    let text = String::from_utf8(decoded(payload)).unwrap();
    let forged = [
        format!("{signed}.{twisted}"),
        format!("{signed}."),
        stranger.sign_text(&stranger.header().to_string(), &text),
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        format!("{header}.{payload}x.{signature}"),
        // An upstream's that has expired brings nothing, and so counts for nothing.
        world.token(json!({"jti": "1", "iat": 1, "nbf": 1, "exp": 1000})),
    ];
    for token in &forged {
        let item = json!([{"type": UNHEARD_OF, "token": token}]);
        let answer = world.gateway.report(&item).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "some_items_rejected"));
        assert!(!has_secret(&answer.text), "{answer:?}");
        // As a type that is offered it is taken, and refused for what it is not.
        assert_eq!(report(&world, PAT_TYPE, token).await, 204);
    }
    let all = world.gateway.revocations("").await;
    assert_eq!(all.len(), forged.len());
    assert!(all.iter().all(|row| row["state"] == "refused" && row["code"] == "format"), "{all:?}");
    assert_eq!(code(&world, &theirs).await, "issued");
    world.gateway.stop().await;
}

pub(crate) async fn an_upstream_token_that_leaks_brings_nothing_more(database: Database) {
    let world = World::start(&database, "").await;
    let theirs = world.token(json!({"jti": "1"}));
    let (other, nameless) = (world.token(json!({"jti": "2"})), world.token(json!({})));
    // Its keys are there after the first exchange, be it another's.
    assert_eq!(code(&world, &other).await, "issued");
    assert_eq!(report(&world, UNHEARD_OF, &theirs).await, 204);
    assert_eq!(code(&world, &theirs).await, "leaked");
    assert_eq!(code(&world, &other).await, "issued");
    let row = row(&world).await;
    assert_eq!((&row["state"], &row["code"]), (&json!("noted"), &json!("upstream")));
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ("subject_token", theirs.as_str()),
    ];
    let answer = send(world.gateway.request(Method::POST, "/token").form(&form)).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_request")));
    assert!(answer.text.contains("leaked") && !has_secret(&answer.text), "{answer:?}");
    // What has no name cannot be refused by it.
    assert_eq!(report(&world, UNHEARD_OF, &nameless).await, 204);
    assert_eq!(code(&world, &nameless).await, "issued");
    world.gateway.stop().await;
}

/// `once` and leaks are kept in one table.
pub(crate) async fn used_and_leaked_stand_beside_each_other(database: Database) {
    let once = "once = true\ntoken_id = true";
    let limited = client_toml(
        "narrow",
        "another-token-of-these-tests-0123456789",
        &format!("types = [\"{PAT_TYPE}\"]"),
    );
    let rest = format!("{once}\n{limited}");
    let world = World::start(&database, &rest).await;
    let token = |id: &str| world.token(json!({ "jti": id }));
    let (one, two, three) = (token("1"), token("2"), token("3"));
    let leaked = ours(&world, &one).await;
    ours(&world, &three).await;
    assert_eq!(code(&world, &one).await, "used");
    let body = |token: &str| json!([{"type": UNHEARD_OF, "token": token}]).to_string();
    for token in [&leaked, &two] {
        let report =
            world.gateway.report_as("another-token-of-these-tests-0123456789", body(token));
        assert_eq!(report.await.status, 204, "whoever reports it");
    }
    for (token, wanted) in [(&one, "leaked"), (&two, "leaked"), (&three, "used")] {
        assert_eq!(code(&world, token).await, wanted);
    }
    let World { upstream, ours: keys, gateway, .. } = world;
    gateway.stop().await;
    // Without `once` what was used is good again, and what leaked is not.
    let world = World::with(&database, keys, upstream, "signing_algs = [\"ES256\"]").await;
    for (token, wanted) in [(&one, "leaked"), (&two, "leaked"), (&three, "issued")] {
        assert_eq!(code(&world, token).await, wanted);
    }
    world.gateway.stop().await;
}

fn decoded(segment: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(segment).unwrap()
}

/// Longer than it takes to ask again, and shorter than anybody would call late.
const HEARD: std::time::Duration = std::time::Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaks_at_one_replica_brings_nothing_at_another() {
    let database = Database::postgres().await;
    let one = World::start(&database, "token_id = true").await;
    let theirs = one.token(json!({"jti": "1"}));
    let config = section(
        &one.file,
        &format!("signing_algs = [\"ES256\"]\nupstream_issuer = \"{}\"", one.upstream.site.url()),
    );
    let two = TestGateway::start(&database, &config).await;
    let body = json!({"token": theirs}).to_string();
    assert_eq!(post(&two, &body).await.status, 200);
    let leaked = ours(&one, &theirs).await;
    assert_eq!(report(&one, UNHEARD_OF, &leaked).await, 204);
    eventually(HEARD, async || (post(&two, &body).await.status == 403).then_some(())).await;
    assert_eq!(post(&two, &body).await.code(), "leaked");
    two.stop().await;
    one.gateway.stop().await;
}
