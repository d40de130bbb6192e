//! The page that operators read says what is so.

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;
use portcullis_revocation::formats::Format;
use portcullis_revocation::http::presets::Preset;
use portcullis_revocation::http::{Call, Description, HttpProvider};
use portcullis_revocation::provider::Finding;
use portcullis_test_support::Vendor;
use toml::{Table, Value};

use crate::support::{OWN, again, ask, say};

const PAGE: &str = include_str!("../../../../docs/providers.md");

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn every_preset_is_in_the_table_with_all_that_it_takes() {
    let table: Vec<Vec<&str>> = PAGE
        .lines()
        .skip_while(|line| !line.starts_with("| preset |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert_eq!(table.len(), Preset::all().len(), "no more and no fewer");
    for (name, preset) in Preset::all() {
        let found = table.iter().find(|row| row[0] == format!("`{name}`"));
        let [_, vendor, types, evidence, ends, needs] = found.expect(name)[..] else {
            panic!("{name}: six columns")
        };
        assert!(vendor.starts_with(&preset.vendor), "{name}: {vendor}");
        for token_type in preset.types.keys() {
            let short = token_type.strip_prefix("gitleaks_rule_id_").unwrap_or(token_type);
            assert!(types.contains(&format!("`{short}`")), "{name}: {token_type}");
        }
        assert_eq!(types.matches('`').count(), 2 * preset.types.len(), "{name}: no other type");
        assert_eq!(evidence, preset.evidence, "{name}");
        let answers = &preset.call.answers;
        let submits = answers.revoked.is_empty() && !answers.submitted.is_empty();
        assert_eq!(ends, if submits { "`submitted`" } else { "`revoked`" }, "{name}");
        assert_eq!(needs.contains("`base_url`"), preset.base.is_none(), "{name}");
        assert_eq!(needs.contains("`unproven`"), preset.is_recalled(), "{name}");
        let own = preset.call.headers.values().any(|value| value.contains("{credential}"));
        assert_eq!(needs.contains("`credential`"), own, "{name}");
    }
}

/// The page's example as a provider at `base`, and what it is configured by.
fn example(base: &str) -> HttpProvider {
    let (_, section) = PAGE.split_once("## A vendor of your own").unwrap();
    let (_, rest) = section.split_once("```toml\n").unwrap();
    let mut whole: Table = rest.split_once("```").unwrap().0.parse().unwrap();
    let mut revocation: Table = whole.remove("revocation").unwrap().try_into().unwrap();
    let mut providers: Vec<Table> = revocation.remove("providers").unwrap().try_into().unwrap();
    let mut one = providers.remove(0);
    let url =
        one.remove("url").unwrap().as_str().unwrap().replace("https://api.acme.example", base);
    for other in ["kind", "name", "types", "credential_file", "rate"] {
        assert!(one.remove(other).is_some(), "{other}");
    }
    let answers: Table = ["revoked", "submitted", "inactive", "refused", "retry"]
        .map(|kind| (kind.to_owned(), one.remove(kind).expect(kind)))
        .into_iter()
        .collect();
    one.insert("answers".to_owned(), Value::Table(answers));
    let description: Description = Value::Table(one).try_into().unwrap();
    let format = Format::new(revocation["formats"]["acme_key"].as_str().unwrap()).unwrap();
    let groups: Vec<&str> = format.group_names().collect();
    let call = Call::new(&url, &description, Some(SecretString::from(OWN)), &groups).unwrap();
    let formats = [("acme_key".to_owned(), format.clone())].into();
    let client = client(&ClientOptions::default()).unwrap();
    HttpProvider::new("acme".to_owned(), call, client, formats)
}

#[tokio::test]
async fn the_example_of_a_vendor_does_what_the_page_says() {
    let vendor = Vendor::start(|_| say(204, ""));
    let provider = example(vendor.url());
    let secret = format!("acme_123456_{}", "aB3d".repeat(8));
    let inactive = |confirmed| Finding::Inactive { confirmed };
    for (status, body, finding, code) in [
        (204, "", Finding::Revoked, "revoked"),
        (200, r#"{"result":{"state":"deleted"}}"#, Finding::Revoked, "revoked"),
        (200, r#"{"result":{"state":"kept"}}"#, again(None, true), "unexpected_answer"),
        (202, "", Finding::Submitted, "submitted"),
        (202, r#"{"errors":["no"]}"#, again(None, true), "unexpected_answer"),
        (410, "", inactive(true), "dead"),
        (404, "", inactive(false), "not_taken"),
        (409, r#"{"error":{"code":"protected"}}"#, Finding::Refused, "refused_by_vendor"),
        (409, "", again(None, false), "unexpected_answer"),
        (423, "", again(None, false), "not_now"),
        (403, "", again(None, false), "unauthorized"),
        (500, "", again(None, true), "server_error"),
    ] {
        vendor.set(say(status, body));
        let verdict = ask(&provider, "acme_key", &secret).await;
        assert_eq!((verdict.finding, verdict.code), (finding, code), "{status} {body}");
        let asked = vendor.take();
        assert_eq!(asked.len(), 1);
        assert_eq!(
            (asked[0].method.as_str(), asked[0].target.as_str()),
            ("POST", "/v1/keys/123456/revoke")
        );
        assert_eq!(asked[0].header("authorization"), Some(format!("Bearer {OWN}").as_str()));
        assert_eq!(asked[0].text(), format!(r#"{{"key":"{secret}","why":"leaked"}}"#));
    }
}
