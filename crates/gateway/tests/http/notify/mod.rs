//! People are told by webhooks what became of leaked secrets, and never the secrets.

pub(crate) mod hook;
pub(crate) mod trouble;

use std::time::Duration;

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use portcullis_fake_gitlab::{FakeGitlab, TokenSpec, TokenState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::log::has_secret;
use crate::support::{
    ADMIN, Database, GITLAB_TYPE, PAT_TYPE, PATIENCE, TestGateway, eventually, gitlab_toml, send,
};
use hook::{ADDRESS, Hook};

const APPROVED: &str = "gitleaks_rule_id_gitlab_personal_access_token";
const NOTED: &str = "gitleaks_rule_id_vendor_noted";
const SIMULATED: &str = "gitleaks_rule_id_vendor_simulated";
const KEY: &str = "the-signing-secret-of-these-tests";

/// A webhook of this name and format, with more keys in `rest`.
pub(crate) fn hook_toml(name: &str, hook: &Hook, format: &str, rest: &str) -> String {
    let url = &hook.url;
    format!(
        "[[notifications]]\nname = \"{name}\"\nurl = \"{url}\"\nformat = \"{format}\"\n{rest}\n"
    )
}

/// A GitLab whose types have each mode.
pub(crate) fn modes(gitlab: &FakeGitlab) -> String {
    format!(
        "[revocation.modes]\n{APPROVED} = \"approve\"\n{NOTED} = \"notify\"\n{SIMULATED} = \"dry-run\"\n\
         [revocation.formats]\n{NOTED} = \"^glpat-.*$\"\n{SIMULATED} = \"^glpat-.*$\"\n{}\
         types = [\"{GITLAB_TYPE}\", \"{APPROVED}\", \"{NOTED}\", \"{SIMULATED}\"]\n",
        gitlab_toml(gitlab.url())
    )
}

pub(crate) fn token(n: usize) -> String {
    format!("glpat-{n:020}")
}

pub(crate) fn leak(token_type: &str, token: &str) -> Value {
    // As a reporter might put it who has not thought of it.
    json!({ "type": token_type, "token": token, "location": format!("https://x:{token}@git.example/a") })
}

/// What it was told of, once it is so much, by state.
pub(crate) async fn told(hook: &Hook, count: usize) -> Vec<Value> {
    let mut all = eventually(PATIENCE, async || {
        let all = hook.notices();
        (all.len() >= count).then_some(all)
    })
    .await;
    assert_eq!(all.len(), count, "{all:?}");
    all.sort_by_key(|notice| notice["state"].as_str().unwrap().to_owned());
    all
}

fn states(notices: &[Value]) -> Vec<&str> {
    notices.iter().map(|notice| notice["state"].as_str().unwrap()).collect()
}

/// Nothing that it was told has a secret.
pub(crate) fn assert_harmless(hook: &Hook) {
    for told in hook.told() {
        assert!(!has_secret(&told.body), "{}", told.body);
        assert!(!told.body.contains(ADMIN) && !told.body.contains(ADDRESS));
    }
}

pub(crate) async fn each_outcome_is_told_and_no_secret(database: Database) {
    let (gitlab, hook, chat) = (FakeGitlab::start(), Hook::start().await, Hook::start().await);
    gitlab.add_token(&token(1));
    let dead = TokenSpec { state: TokenState::Expired, ..TokenSpec::default() };
    gitlab.add_token_with(&token(2), dead);
    let all = "on = [\"held\", \"noted\", \"failed\", \"revoked\", \"submitted\", \"refused\", \
               \"inactive\", \"simulated\", \"cancelled\"]";
    let rest = [
        modes(&gitlab),
        hook_toml("all", &hook, "json", all),
        hook_toml("chat", &chat, "slack", all),
    ];
    let gateway = TestGateway::start(&database, &rest.concat()).await;
    let report = json!([
        leak(GITLAB_TYPE, &token(1)),
        leak(GITLAB_TYPE, &token(2)),
        leak(APPROVED, &token(3)),
        leak(NOTED, &token(4)),
        leak(SIMULATED, &token(5)),
        leak(GITLAB_TYPE, "glpat-short"),
    ]);
    assert_eq!(gateway.report(&report).await.status, 204);
    let first = told(&hook, 6).await;
    let all = ["held", "inactive", "noted", "refused", "revoked", "simulated"];
    assert_eq!(states(&first), all);
    assert_rows(&gateway, &first).await;
    let revoked = &first[4];
    assert_eq!(revoked["locations"], json!(["https://x:[secret]@git.example/a"]));
    assert!(revoked["about"]["id"].is_u64(), "{revoked}");

    let path = format!("/v1/revocations/{}/cancel", first[0]["fingerprint"].as_str().unwrap());
    let cancelled = send(gateway.admin_request(Method::POST, &path).bearer_auth(ADMIN)).await;
    assert_eq!(cancelled.status, 200);
    assert_eq!(gateway.report(&report).await.status, 204);
    let second = told(&hook, 7).await;
    assert_eq!(states(&second)[..2], ["cancelled", "held"], "and nothing else is told twice");
    let lines =
        |hook: &Hook| hook.told().iter().map(|t| t.body.matches("\\n• *").count()).sum::<usize>();
    eventually(PATIENCE, async || (lines(&chat) == 7).then_some(())).await;
    gateway.stop().await;
    assert_harmless(&hook);
    assert_harmless(&chat);
}

/// Each notice says of its row what the operators' interface says, and what it is told is told under
/// another id each time.
async fn assert_rows(gateway: &TestGateway, notices: &[Value]) {
    let rows = gateway.revocations("").await;
    for notice in notices {
        let row = rows.iter().find(|row| row["fingerprint"] == notice["fingerprint"]).unwrap();
        for member in [
            "type",
            "provider",
            "mode",
            "state",
            "code",
            "reason",
            "confirmed",
            "about",
            "created_at",
            "due_at",
            "ended_at",
            "attempts",
            "sightings",
        ] {
            assert_eq!(notice[member], row[member], "{member}: {notice}");
        }
    }
    let mut ids: Vec<_> = notices.iter().map(|notice| notice["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), notices.len());
    assert!(ids.iter().all(|id| id.len() == 32));
}

pub(crate) async fn a_webhook_is_told_what_it_asks_for(database: Database) {
    let gitlab = FakeGitlab::start();
    gitlab.add_tokens([token(1), token(2)].iter().map(String::as_str));
    let hooks = [Hook::start().await, Hook::start().await, Hook::start().await];
    let rest = [
        modes(&gitlab),
        hook_toml("by-type", &hooks[0], "json", &format!("types = [\"{APPROVED}\", \"{NOTED}\"]")),
        hook_toml("by-state", &hooks[1], "json", "on = [\"revoked\"]"),
        hook_toml("by-default", &hooks[2], "json", ""),
    ];
    let gateway = TestGateway::start(&database, &rest.concat()).await;
    let report = json!([
        leak(GITLAB_TYPE, &token(1)),
        leak(APPROVED, &token(2)),
        leak(NOTED, &token(3)),
        leak(SIMULATED, &token(4)),
    ]);
    assert_eq!(gateway.report(&report).await.status, 204);
    let held = told(&hooks[0], 2).await;
    assert_eq!(states(&held), ["held", "noted"]);
    assert_eq!(states(&told(&hooks[2], 3).await), ["held", "noted", "revoked"]);
    assert_eq!(states(&told(&hooks[1], 1).await), ["revoked"]);
    let path = format!("/v1/revocations/{}/approve", held[0]["fingerprint"].as_str().unwrap());
    send(gateway.admin_request(Method::POST, &path).bearer_auth(ADMIN)).await;
    assert_eq!(states(&told(&hooks[0], 3).await), ["held", "noted", "revoked"]);
    assert_eq!(states(&told(&hooks[1], 2).await), ["revoked", "revoked"]);
    gateway.stop().await;
}

pub(crate) async fn whose_pat_it_was_is_told(database: Database) {
    let hook = Hook::start().await;
    let gateway = TestGateway::start(&database, &hook_toml("one", &hook, "json", "")).await;
    let pat = gateway.mint_for("user:bob", &[], Duration::from_hours(1)).await;
    assert_eq!(gateway.report(&json!([leak(PAT_TYPE, &pat.token)])).await.status, 204);
    let notice = told(&hook, 1).await.remove(0);
    assert_eq!((&notice["state"], &notice["provider"]), (&json!("revoked"), &json!("portcullis")));
    assert_eq!(notice["about"]["owner"], "user:bob", "{notice}");
    gateway.stop().await;
    assert_harmless(&hook);
}

pub(crate) async fn a_message_is_signed(database: Database) {
    let (signed, plain) = (Hook::start().await, Hook::start().await);
    let key = format!("signing_secret = \"{KEY}\"");
    let rest = [hook_toml("signed", &signed, "json", &key), hook_toml("plain", &plain, "json", "")];
    let gateway = TestGateway::start(&database, &rest.concat()).await;
    let pat = gateway.mint().await;
    assert_eq!(gateway.report(&json!([leak(PAT_TYPE, &pat.token)])).await.status, 204);
    told(&signed, 1).await;
    told(&plain, 1).await;
    let message = signed.told().remove(0);
    assert_eq!(message.header("content-type"), Some("application/json"));
    let (time, mac) = message.header("portcullis-signature").unwrap().split_once(',').unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let key = PKey::hmac(KEY.as_bytes()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    signer.update(format!("{time}.{}", message.body).as_bytes()).unwrap();
    assert_eq!(mac, format!("v1={}", hex::encode(signer.sign_to_vec().unwrap())));
    assert_eq!(plain.told()[0].header("portcullis-signature"), None);
    gateway.stop().await;
}

/// Four hundred findings are no four hundred messages, and what is left out of a message's lines is counted.
pub(crate) async fn a_burst_is_told_in_few_messages(database: Database) {
    const MANY: usize = 400;
    let (gitlab, hook, chat) = (FakeGitlab::start(), Hook::start().await, Hook::start().await);
    let rest = [
        modes(&gitlab),
        hook_toml("machine", &hook, "json", ""),
        hook_toml("chat", &chat, "slack", ""),
    ];
    let gateway = TestGateway::start(&database, &rest.concat()).await;
    let report: Vec<Value> = (0..MANY).map(|n| leak(NOTED, &token(n))).collect();
    assert_eq!(gateway.report(&json!(report)).await.status, 204);
    let notices = told(&hook, MANY).await;
    let mut ids: Vec<_> = notices.iter().map(|notice| notice["id"].to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), MANY);
    let messages = hook.told();
    assert!(messages.len() <= MANY / 50 + 8, "{}", messages.len());
    assert!(messages.iter().all(|message| message.notices().len() <= 50));
    let counted = || chat.told().iter().map(|message| counted(&message.body)).sum::<usize>();
    eventually(PATIENCE, async || (counted() >= MANY).then_some(())).await;
    assert_eq!(counted(), MANY);
    assert!(chat.told().len() <= MANY / 50 + 8);
    gateway.stop().await;
    assert_harmless(&chat);
}

/// Of how many secrets a message for people tells.
fn counted(body: &str) -> usize {
    let body: Value = serde_json::from_str(body).unwrap();
    let text = body["text"].as_str().unwrap();
    let lines = text.matches("\n• ").count();
    assert!(lines <= 20, "{text}");
    let more =
        text.lines().last().and_then(|line| line.strip_prefix("and ")?.strip_suffix(" more"));
    lines + more.map_or(0, |more| more.parse::<usize>().unwrap())
}

/// Text of strangers makes no mention and no link of itself.
pub(crate) async fn a_strangers_text_is_harmless_in_a_chat(database: Database) {
    let (gitlab, chat) = (FakeGitlab::start(), Hook::start().await);
    let rest = [modes(&gitlab), hook_toml("chat", &chat, "slack", "")];
    let gateway = TestGateway::start(&database, &rest.concat()).await;
    let evil =
        format!("`<!channel>`\n• <https://evil.example|x> @here \u{202e}{}", "&".repeat(400));
    let report = json!([{ "type": NOTED, "token": token(1), "location": evil }]);
    assert_eq!(gateway.report(&report).await.status, 204);
    let message = eventually(PATIENCE, async || chat.told().pop()).await;
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(
        text.contains("'&lt;!channel&gt;'\u{fffd}• &lt;https://evil.example|x&gt; @here"),
        "{text}"
    );
    assert!(
        !text.contains('<') && !text.contains('\u{202e}') && text.lines().count() == 2,
        "{text}"
    );
    assert!(text.matches("&amp;").count() < 200 && text.ends_with("…`"), "{text}");
    gateway.stop().await;
}
