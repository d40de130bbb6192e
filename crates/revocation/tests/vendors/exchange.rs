//! What each vendor is sent, to the byte, and what follows from what it says.

use std::collections::BTreeSet;

use portcullis_revocation::http::presets::Preset;
use portcullis_test_support::{Act, Asked, Reply, Vendor};

use crate::support::{ask, provider, say};
use crate::table::{Row, rows};

#[test]
fn every_preset_has_a_row() {
    let in_table: BTreeSet<&str> = rows().iter().map(|row| row.preset).collect();
    let all: BTreeSet<&str> = Preset::all().keys().map(String::as_str).collect();
    assert_eq!(in_table, all);
}

/// What the client itself adds belongs to the contract too: nothing else goes out.
fn expected(row: &Row, vendor: &Vendor) -> Asked {
    let mut headers: Vec<(String, String)> =
        row.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let host = vendor.url().trim_start_matches("http://");
    headers.push(("host".to_owned(), host.to_owned()));
    let agent = concat!("portcullis/", env!("CARGO_PKG_VERSION"));
    headers.push(("user-agent".to_owned(), agent.to_owned()));
    if !row.headers.iter().any(|(name, _)| *name == "accept") {
        headers.push(("accept".to_owned(), "*/*".to_owned()));
    }
    if !row.body.is_empty() || row.method == "POST" {
        headers.push(("content-length".to_owned(), row.body.len().to_string()));
    }
    headers.sort();
    let (method, target) = (row.method.to_owned(), row.target.clone());
    Asked { method, target, headers, body: row.body.clone().into_bytes() }
}

#[tokio::test]
async fn each_vendor_gets_the_secret_where_it_wants_it_and_nowhere_else() {
    for row in rows() {
        for (status, body) in &row.success {
            let act = say(*status, body);
            let vendor = Vendor::start(move |_| act.clone());
            let provider = provider(row.preset, vendor.url());
            let verdict = ask(&provider, row.token_type, &row.secret).await;
            assert_eq!(verdict.finding, row.end, "{}: {verdict:?}", row.preset);
            assert_eq!(vendor.asked(), [expected(&row, &vendor)], "{}", row.preset);
            assert!(!format!("{verdict:?}").contains("the-new-one"), "a fresh secret is nobody's");
        }
    }
}

/// discord/discord-api-docs, issue 5887.
#[tokio::test]
async fn a_204_is_believed_whatever_type_is_given_to_its_nothing() {
    for row in rows().iter().filter(|row| row.success.contains(&(204, ""))) {
        let vendor = Vendor::start(|_| {
            Act::Say(Reply::status(204).header("Content-Type", "text/html; charset=utf-8"))
        });
        let provider = provider(row.preset, vendor.url());
        let verdict = ask(&provider, row.token_type, &row.secret).await;
        assert_eq!(verdict.finding, row.end, "{}: {verdict:?}", row.preset);
    }
}

#[tokio::test]
async fn what_is_dead_already_is_called_so_as_far_as_the_vendor_knows() {
    for row in rows() {
        for (status, body, finding) in &row.dead {
            let act = say(*status, body);
            let vendor = Vendor::start(move |_| act.clone());
            let provider = provider(row.preset, vendor.url());
            let verdict = ask(&provider, row.token_type, &row.secret).await;
            assert_eq!(verdict.finding, *finding, "{}: {verdict:?}", row.preset);
            assert_eq!(vendor.asked(), [expected(&row, &vendor)], "{}", row.preset);
        }
    }
}

#[tokio::test]
async fn every_type_of_a_preset_is_asked_about_in_the_same_way() {
    for row in rows() {
        let (status, body) = row.success[0];
        let vendor = Vendor::start(move |_| say(status, body));
        let provider = provider(row.preset, vendor.url());
        let types = &Preset::named(row.preset).unwrap().types;
        let fitting = types.iter().filter(|(_, pattern)| {
            portcullis_revocation::formats::Format::new(pattern).unwrap().fits(&row.secret)
        });
        let mut count = 0;
        for (token_type, _) in fitting {
            assert_eq!(ask(&provider, token_type, &row.secret).await.finding, row.end);
            count += 1;
        }
        assert!(count > 0, "{}", row.preset);
        let same = vendor.asked();
        assert!(same.len() == count && same.iter().all(|a| *a == expected(&row, &vendor)));
    }
}

#[tokio::test]
async fn a_type_that_is_not_the_providers_is_sent_nowhere() {
    let vendor = Vendor::start(|_| Act::Cut);
    for row in rows() {
        let provider = provider(row.preset, vendor.url());
        let verdict = ask(&provider, "gitleaks_rule_id_aws", &row.secret).await;
        assert_eq!(verdict.code, "unsupported_type", "{}", row.preset);
    }
    assert_eq!(vendor.asked(), []);
}
