//! Every page can be reached from the contents of the site, and every link between pages leads somewhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::{fs, iter};

use regex::Regex;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All pages of the repository, by their paths in it.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = root();
    let folders = fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = folders.chain([root.clone()]).collect();
    let mut files: Vec<PathBuf> = folders.iter().flat_map(|folder| markdown_in(folder)).collect();
    let mut open = vec![root.join("docs")];
    while let Some(folder) = open.pop() {
        files.extend(markdown_in(&folder));
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        open.extend(entries.filter(|path| path.is_dir()));
    }
    let named = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        (file.strip_prefix(&root).unwrap().to_owned(), text)
    };
    files.into_iter().map(named).collect()
}

fn markdown_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|e| e == "md")).collect()
}

/// The text without blocks and spans of code, in which nothing is a link or a heading.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let outside = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    let text = outside.collect::<Vec<_>>().join("\n");
    Regex::new("`[^`\n]*`").unwrap().replace_all(&text, "").into_owned()
}

/// The relative links of a page, each with its fragment.
fn links(text: &str) -> Vec<(String, Option<String>)> {
    let link = Regex::new(r"\]\(([^()\s]+)\)").unwrap();
    let prose = prose(text);
    let targets = link.captures_iter(&prose).map(|found| found[1].to_owned());
    let relative =
        targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    let parted = |target: String| match target.split_once('#') {
        Some((path, fragment)) => (path.to_owned(), Some(fragment.to_owned())),
        None => (target, None),
    };
    relative.map(parted).collect()
}

/// What headings are called in addresses: GitHub's way, which is mdBook's as well.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !fenced) else { continue };
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = seen.entry(slug.clone()).and_modify(|times| *times += 1).or_default();
        anchors.insert(if *times == 0 { slug } else { format!("{slug}-{times}") });
    }
    anchors
}

/// `a/b/../c` as `a/c`; `None` where it leaves the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    path.components().try_fold(PathBuf::new(), |mut whole, part| match part {
        Component::ParentDir => whole.pop().then_some(whole),
        Component::CurDir => Some(whole),
        part => {
            whole.push(part);
            Some(whole)
        }
    })
}

#[test]
fn every_link_leads_somewhere() {
    let (root, pages) = (root(), pages());
    assert!(pages.len() > 30);
    let mut astray = Vec::new();
    for (page, text) in &pages {
        for (path, fragment) in links(text) {
            let place = page.parent().unwrap().join(&path);
            let target = if path.is_empty() { Some(page.clone()) } else { normal(&place) };
            let there = target.filter(|target| root.join(target).exists());
            let known = |fragment: &String| {
                let page = there.as_ref().and_then(|target| pages.get(target));
                page.is_some_and(|text| anchors(text).contains(fragment))
            };
            if there.is_none() || fragment.as_ref().is_some_and(|fragment| !known(fragment)) {
                let fragment = fragment.map(|f| format!("#{f}")).unwrap_or_default();
                astray.push(format!("{}: {path}{fragment}", page.display()));
            }
        }
    }
    assert_eq!(astray, Vec::<String>::new());
}

#[test]
fn every_page_is_in_the_contents() {
    let pages = pages();
    let contents = Path::new("docs/SUMMARY.md");
    let listed: BTreeSet<PathBuf> = links(&pages[contents])
        .into_iter()
        .filter_map(|(path, _)| normal(&Path::new("docs").join(path)))
        .chain(iter::once(contents.to_owned()))
        .collect();
    let all: BTreeSet<PathBuf> = pages.into_keys().collect();
    assert_eq!(all, listed);
}

#[test]
fn a_link_is_told_from_code_and_a_heading_from_a_comment() {
    let text = "# A `b` (c)\n[x](y.md#z) `[no](no.md)`\n```sh\n# no\n[no](no.md)\n```\n## A b c\n[w](https://a.example)\n";
    assert_eq!(links(text), [("y.md".to_owned(), Some("z".to_owned()))]);
    assert_eq!(anchors(text), BTreeSet::from(["a-b-c".to_owned(), "a-b-c-1".to_owned()]));
}
