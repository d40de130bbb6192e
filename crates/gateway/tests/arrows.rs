//! The house stands as it is drawn: who may depend on whom, as data, held against `cargo metadata`.

#![expect(clippy::expect_used, reason = "a test that cannot look must fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

const PREFIX: &str = "portcullis-";

/// Each crate and what it stands on. A crate that is not here does not belong to the house.
///
/// The gateway has everything that is shipped, and the fake that the demo serves; the benches measure
/// any crate and are never shipped.
const HOUSE: &str = "
    base:
    pat:
    jwt-verify:     base
    gitlab:         base
    store:          base
    web:            base
    revocation:     base gitlab store
    revocation-api: revocation web
    impersonation:  jwt-verify gitlab revocation web
    oidc-proxy:     jwt-verify web
    gateway:        base pat jwt-verify gitlab store web revocation revocation-api impersonation
                    oidc-proxy fake-gitlab
    fake-gitlab:
    test-support:
    chaos:          base fake-gitlab test-support
    bench:          base pat jwt-verify gitlab store web revocation revocation-api impersonation
                    oidc-proxy gateway fake-gitlab test-support
";

/// What any crate may use in its own tests.
const FOR_TESTS: &[&str] = &["base", "chaos", "fake-gitlab", "test-support"];

/// Know no server and no database, however far down one looks.
const PLAIN: &[&str] = &["base", "jwt-verify", "pat", "gitlab"];

/// May name sqlx: the store, and what is never shipped (the one makes and drops databases, the
/// other measures the store against bare SQL).
const SQL: &[&str] = &["store", "test-support", "bench"];

/// Never know each other, not even through a third.
const SURFACES: &[&str] = &["revocation-api", "impersonation", "oidc-proxy"];

/// May read the environment: the configuration loader, and the test server's address.
const ENVIRONMENT: &[&str] = &["gateway", "test-support"];

/// A dependency that a crate of ours declares, for whatever platform or feature.
struct Arrow {
    from: String,
    to: String,
    in_tests_only: bool,
}

#[derive(Default)]
struct Graph {
    crates: BTreeSet<String>,
    arrows: Vec<Arrow>,
    /// All that a crate is built with, down to the ground, dev-dependencies left out.
    beneath: BTreeMap<String, BTreeSet<String>>,
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        // The host's packages are on the machine already; other platforms' would be downloaded.
        .other_options(["--locked", "--filter-platform", "host-tuple"].map(String::from))
        .exec()
        .expect("cargo describes the workspace")
}

/// [`HOUSE`], read: a word with a colon opens a crate's row.
fn house() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut rows = BTreeMap::<_, BTreeSet<_>>::new();
    let mut row = "";
    for word in HOUSE.split_whitespace() {
        if let Some(name) = word.strip_suffix(':') {
            row = name;
            rows.entry(row).or_default();
        } else {
            rows.entry(row).or_default().insert(word);
        }
    }
    rows
}

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

impl Graph {
    fn read(metadata: &Metadata) -> Self {
        let mut graph = Self::default();
        for package in metadata.workspace_packages() {
            let from = short(&package.name).to_owned();
            graph.beneath.insert(from.clone(), beneath(metadata, &package.id));
            graph.arrows.extend(package.dependencies.iter().map(|dependency| Arrow {
                from: from.clone(),
                to: dependency.name.clone(),
                in_tests_only: dependency.kind == DependencyKind::Development,
            }));
            graph.crates.insert(from);
        }
        graph
    }

    fn arrow(&mut self, from: &str, to: &str, in_tests_only: bool) {
        self.crates.insert(from.to_owned());
        self.arrows.push(Arrow { from: from.to_owned(), to: to.to_owned(), in_tests_only });
    }
}

fn beneath(metadata: &Metadata, top: &PackageId) -> BTreeSet<String> {
    let resolved = metadata.resolve.as_ref().expect("dependencies are resolved");
    let nodes: BTreeMap<_, _> = resolved.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![top];
    while let Some(id) = open.pop() {
        let built_with = nodes[id].deps.iter().filter(|dependency| {
            dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
        });
        open.extend(built_with.map(|dependency| &dependency.pkg).filter(|id| seen.insert(*id)));
    }
    seen.into_iter().map(|id| short(&metadata[id].name).to_owned()).collect()
}

/// Every arrow that the house does not have, in words.
fn judge(graph: &Graph) -> Vec<String> {
    let house = house();
    let mut wrong = Vec::new();
    for name in graph.crates.iter().filter(|name| !house.contains_key(name.as_str())) {
        wrong.push(format!("{name} is not in the table"));
    }
    for Arrow { from, to, in_tests_only } in &graph.arrows {
        if let Some(to) = to.strip_prefix(PREFIX) {
            let drawn = house.get(from.as_str()).is_some_and(|below| below.contains(to));
            let for_its_tests = *in_tests_only && FOR_TESTS.contains(&to);
            if !drawn && !for_its_tests {
                wrong.push(format!("{from} must not depend on {to}"));
            }
        }
        if to.starts_with("sqlx") && !SQL.contains(&from.as_str()) {
            wrong.push(format!("{from} must not name {to}"));
        }
    }
    for (name, beneath) in &graph.beneath {
        let mut forbid = |reason: &str, bad: &dyn Fn(&str) -> bool| {
            for found in beneath.iter().filter(|found| bad(found)) {
                wrong.push(format!("{name} reaches {found}: {reason}"));
            }
        };
        if PLAIN.contains(&name.as_str()) {
            forbid("no server and no database", &|found| {
                found.starts_with("actix") || found.starts_with("sqlx")
            });
        }
        if SURFACES.contains(&name.as_str()) {
            forbid("surfaces never know each other", &|found| SURFACES.contains(&found));
        }
    }
    wrong
}

fn reads_environment(source: &str) -> bool {
    source.contains("env::var")
}

/// Each Rust file under `folder`, with its text.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a crate has a src folder") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("source is text");
            found.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn the_workspace_has_only_the_arrows_that_are_drawn() {
    let graph = Graph::read(&metadata());
    // Were nothing read, nothing would be wrong: what is known to be there must have been seen.
    assert!(graph.crates.contains("gateway"));
    assert!(graph.beneath["store"].contains("sqlx-core"), "an arrow's far end is seen");
    assert!(graph.arrows.iter().any(|arrow| arrow.from == "web" && arrow.to == "portcullis-base"));

    assert_eq!(judge(&graph), Vec::<String>::new());
}

#[test]
fn only_the_gateway_reads_the_environment() {
    for package in metadata().workspace_packages() {
        let folder =
            package.manifest_path.parent().expect("a manifest lies in a folder").join("src");
        let mut files = Vec::new();
        sources(folder.as_std_path(), &mut files);
        assert!(!files.is_empty(), "{folder} holds source");
        if !ENVIRONMENT.contains(&short(&package.name)) {
            for (path, text) in files {
                assert!(!reads_environment(&text), "{path} reads the environment");
            }
        }
    }
    assert!(reads_environment("let home = std::env::var(\"HOME\");"));
    assert!(reads_environment("for (key, value) in env::vars() {}"));
    assert!(!reads_environment("env!(\"CARGO_PKG_VERSION\")"));
}

#[test]
fn the_judge_lets_the_drawn_house_stand() {
    let mut graph = Graph::default();
    for (from, below) in house() {
        for to in below {
            graph.arrow(from, &format!("{PREFIX}{to}"), false);
        }
    }
    for name in FOR_TESTS {
        graph.arrow("web", &format!("{PREFIX}{name}"), true);
    }
    graph.arrow("store", "sqlx", false);
    graph.arrow("web", "actix-web", false);
    assert_eq!(judge(&graph), Vec::<String>::new());
}

#[test]
fn the_judge_finds_every_kind_of_bad_arrow() {
    let mut graph = Graph::default();
    graph.arrow("cellar", "serde", false);
    graph.arrow("base", "portcullis-store", false);
    graph.arrow("web", "portcullis-pat", true);
    graph.arrow("revocation-api", "portcullis-oidc-proxy", false);
    graph.arrow("gateway", "portcullis-test-support", false);
    graph.arrow("store", "portcullis-fake-gitlab", false);
    graph.arrow("revocation", "sqlx", false);
    graph.arrow("revocation", "sqlx-core", true);
    let deep = [("pat", "actix-http"), ("gitlab", "sqlx"), ("impersonation", "revocation-api")];
    for (name, found) in deep {
        graph.beneath.insert(name.to_owned(), BTreeSet::from([found.to_owned()]));
    }
    // The store may: no complaint comes of it.
    graph.beneath.insert("store".to_owned(), BTreeSet::from(["sqlx".to_owned()]));

    assert_eq!(
        judge(&graph),
        [
            "cellar is not in the table",
            "base must not depend on store",
            "web must not depend on pat",
            "revocation-api must not depend on oidc-proxy",
            "gateway must not depend on test-support",
            "store must not depend on fake-gitlab",
            "revocation must not name sqlx",
            "revocation must not name sqlx-core",
            "gitlab reaches sqlx: no server and no database",
            "impersonation reaches revocation-api: surfaces never know each other",
            "pat reaches actix-http: no server and no database",
        ]
    );
}
