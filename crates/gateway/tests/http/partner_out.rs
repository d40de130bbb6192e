//! A vendor who is told: what it gets, by which key it knows us, and what happens when that changes.

use std::path::Path;
use std::process::Command;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::Private;
use portcullis_test_support::{Inbox, Post, Reply, scratch_dir};
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use serde_json::{Value, json};

use crate::support::{Database, PATIENCE, TestGateway, eventually, send};

const TYPE: &str = "acme_token";
/// The log is searched for what is in it after every test.
const TOKEN: &str = "acme_glpat-0123456789";
const PLACE: &str = "https://gitlab.example.com/a/b/-/blob/main/.env#L3";

pub(crate) fn key() -> EcKey<Private> {
    EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap()
}

fn pem(key: &EcKey<Private>) -> String {
    String::from_utf8(key.private_key_to_pem().unwrap()).unwrap()
}

/// The provider for a vendor at `url`, with more of its keys in `rest`.
pub(crate) fn partner_toml(url: &str, key: &EcKey<Private>, rest: &str) -> String {
    format!(
        "[[revocation.providers]]\nkind = \"partner\"\nname = \"acme\"\nurl = \"{url}/leaks\"\n\
         types = [\"{TYPE}\"]\nsigning_key = '''{}'''\n{rest}\n\
         [revocation.formats]\n{TYPE} = \"^acme_glpat-[0-9]{{10}}$\"\n",
        pem(key)
    )
}

fn inbox() -> Inbox {
    Inbox::start(|_| Some(Reply::status(202)))
}

async fn leak(gateway: &TestGateway, token: &str) {
    let leak = json!([{ "type": TYPE, "token": token, "location": PLACE }]);
    assert_eq!(gateway.report(&leak).await.status, 204);
}

async fn keys(gateway: &TestGateway) -> Value {
    let answer = gateway.get("/v1/public_keys").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The only post once it has come.
async fn posts(inbox: &Inbox, count: usize) -> Vec<Post> {
    let posts = eventually(PATIENCE, async || {
        let posts = inbox.posts();
        (posts.len() >= count).then_some(posts)
    });
    posts.await
}

pub(crate) async fn a_vendor_gets_a_leak_that_it_can_verify(database: Database) {
    let (inbox, key) = (inbox(), key());
    let gateway = TestGateway::start(&database, &partner_toml(inbox.url(), &key, "")).await;
    leak(&gateway, TOKEN).await;
    let row = gateway.ended().await;
    assert_eq!(
        (&row["state"], &row["code"], &row["provider"]),
        (&json!("submitted"), &json!("submitted"), &json!("acme"))
    );
    let [post] = inbox.posts().try_into().unwrap();
    let body = format!(r#"[{{"type":"{TYPE}","token":"{TOKEN}","url":"{PLACE}"}}]"#);
    assert_eq!(String::from_utf8_lossy(&post.body), body);
    let keys = keys(&gateway).await;
    assert_eq!(post.signer(&keys).unwrap()["is_current"], true);
    assert_eq!(keys["public_keys"].as_array().unwrap().len(), 1);
    let changed = Post { body: body.replace("#L3", "#L4").into_bytes(), ..post };
    assert_eq!(changed.signer(&keys), None);
    gateway.stop().await;
}

pub(crate) async fn a_key_of_before_is_still_served(database: Database) {
    let (inbox, old, new) = (inbox(), key(), key());
    let gateway = TestGateway::start(&database, &partner_toml(inbox.url(), &old, "")).await;
    leak(&gateway, TOKEN).await;
    let first = posts(&inbox, 1).await.remove(0);
    assert_eq!(first.signer(&keys(&gateway).await).unwrap()["is_current"], true);
    gateway.stop().await;

    let folder = scratch_dir();
    let file = folder.path().join("old.pem");
    std::fs::write(&file, old.public_key_to_pem().unwrap()).unwrap();
    let rest = format!("previous_key_files = [\"{}\"]", file.display());
    let gateway = TestGateway::start(&database, &partner_toml(inbox.url(), &new, &rest)).await;
    leak(&gateway, "acme_glpat-1111111111").await;
    let second = posts(&inbox, 2).await.remove(1);
    let keys = keys(&gateway).await;
    assert_eq!(keys["public_keys"].as_array().unwrap().len(), 2);
    assert_eq!(second.signer(&keys).unwrap()["is_current"], true);
    assert_eq!(first.signer(&keys).unwrap()["is_current"], false);
    gateway.stop().await;
}

pub(crate) async fn the_keys_of_all_vendors_are_one_document(database: Database) {
    let (ours, other) = (key(), key());
    let nowhere = "http://127.0.0.1:1";
    let partner = |name: &str, key: &EcKey<Private>| {
        partner_toml(nowhere, key, "")
            .replace("name = \"acme\"", &format!("name = \"{name}\""))
            .replace("types = [\"acme", &format!("types = [\"{name}"))
            .replace("\nacme_token =", &format!("\n{name}_token ="))
            .replace("[revocation.formats]", "")
            .lines()
            .filter(|line| !line.contains("^acme_"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let formats =
        "\n[revocation.formats]\na_token = \"^a$\"\nb_token = \"^b$\"\nc_token = \"^c$\"\n";
    let all = [partner("a", &ours), partner("b", &other), partner("c", &ours)].join("\n") + formats;
    let mounted = format!("{all}[revocation_api]\nmount = \"/leaks\"\n");
    let gateway = TestGateway::start(&database, &mounted).await;
    assert_eq!(gateway.get("/v1/public_keys").await.status, 404);
    let answer = gateway.get("/leaks/v1/public_keys").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let document = answer.json();
    let listed = document["public_keys"].as_array().unwrap();
    assert_eq!(listed.len(), 2, "each key once");
    for (entry, key) in listed.iter().zip([&ours, &other]) {
        let public = String::from_utf8(key.public_key_to_pem().unwrap()).unwrap();
        assert_eq!((&entry["key"], &entry["is_current"]), (&json!(public), &json!(true)));
    }
    let tag = answer.header("etag").unwrap();
    let again = gateway.request(Method::GET, "/leaks/v1/public_keys").header(IF_NONE_MATCH, tag);
    let again = send(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    gateway.stop().await;
    let gateway = TestGateway::start(&database, "").await;
    assert_eq!(
        gateway.get("/v1/public_keys").await.status,
        404,
        "nobody is told, nothing is signed"
    );
    gateway.stop().await;
}

/// The block of the page that has this in it.
fn block(with: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/partners.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains(with)).unwrap().to_owned()
}

pub(crate) async fn the_pages_lines_work_when_pasted(database: Database) {
    let folder = scratch_dir();
    let run = |block: String, variables: [(&str, &str); 1]| {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &block]).current_dir(folder.path()).envs(variables);
        command.status().unwrap().success()
    };
    assert!(run(block("openssl genpkey"), [("A", "")]));
    let made = std::fs::read(folder.path().join("partner-key.pem")).unwrap();
    let inbox = inbox();
    let key = EcKey::private_key_from_pem(&made).unwrap();
    let toml = partner_toml(inbox.url(), &key, "");
    let file = format!("signing_key_file = \"{}/partner-key.pem\"", folder.path().display());
    let toml = toml.replace(&format!("signing_key = '''{}'''", pem(&key)), &file);
    let loaded = database.load(&toml);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let gateway = TestGateway::of(&loaded).await;
    leak(&gateway, TOKEN).await;
    let post = posts(&inbox, 1).await.remove(0);
    let keys = keys(&gateway).await;
    let key = post.signer(&keys).unwrap()["key"].as_str().unwrap();
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    let signature = post.headers["gitlab-public-key-signature"].as_str();
    for (body, good) in [(post.body.clone(), true), (b"[]".to_vec(), false)] {
        std::fs::write(folder.path().join("body.json"), body).unwrap();
        assert_eq!(run(block("openssl dgst"), [("SIGNATURE", signature)]), good);
    }
    gateway.stop().await;
}
