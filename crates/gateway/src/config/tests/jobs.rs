//! `[revocation_api.jobs]`

use super::*;

const JOBS: &str = "[revocation_api.jobs]\nissuer = \"https://gitlab.example.com\"\n";
const AUDIENCES: &str = "audiences = [\"https://gw.example.com\"]\n";

fn jobs(rest: &str) -> ReportingJobs {
    good(&format!("{JOBS}{AUDIENCES}{rest}"), &[]).revocation_api.jobs.unwrap()
}

#[test]
fn jobs_report_with_the_section_alone() {
    assert!(good("[revocation_api]\n", &[]).revocation_api.jobs.is_none());
    let plain = jobs("");
    assert_eq!(plain.keys, KeysFrom::Discovery("https://gitlab.example.com".to_owned()));
    assert_eq!((plain.types, plain.rules.len()), (vec!["*".to_owned()], 0));
    assert_eq!(plain.rate_limit, RateLimit { per_second: 5, burst: 100 });
    let more = jobs(
        "authority = \"https://keys.example.com\"\ntypes = [\"a\"]\nrate_limit = { burst = 7 }\n\
         [[revocation_api.jobs.rules]]\nclaims = { project_path = \"infra/*\" }\n",
    );
    assert_eq!(more.keys, KeysFrom::Discovery("https://keys.example.com".to_owned()));
    assert_eq!((more.types, more.rules.len()), (vec!["a".to_owned()], 1));
    assert_eq!(more.rate_limit, RateLimit { per_second: 5, burst: 7 });
}

#[test]
fn what_is_wrong_with_it_is_told_by_its_key() {
    let at = |keys: &[&str]| {
        keys.iter().map(|key| format!("revocation_api.jobs.{key}")).collect::<Vec<_>>()
    };
    for (text, keys) in [
        ("[revocation_api.jobs]\n".to_owned(), &["issuer", "audiences"][..]),
        (JOBS.to_owned(), &["audiences"]),
        (format!("{JOBS}audiences = []\n"), &["audiences"]),
        (format!("{JOBS}audiences = [\"\"]\n"), &["audiences"]),
        (format!("{JOBS}{AUDIENCES}issuers = 1\n"), &["issuers"]),
        (format!("{JOBS}{AUDIENCES}types = []\n"), &["types"]),
        (format!("{JOBS}{AUDIENCES}rules = []\n"), &["rules"]),
        (format!("{JOBS}{AUDIENCES}jwks_url = \"http://keys.example.com\"\n"), &["jwks_url"]),
        (format!("{JOBS}{AUDIENCES}rate_limit = {{ burst = 0 }}\n"), &["rate_limit.burst"]),
        (
            format!("{JOBS}{AUDIENCES}rules = [{{ claims = {{ project = \"a\" }} }}]\n"),
            &["rules[0].claims.project"],
        ),
    ] {
        assert_eq!(bad(&text, &[]), at(keys), "{text}");
    }
}

#[test]
fn who_lets_every_job_report_is_warned() {
    let warnings =
        |rest: &str| Setup::new().read(&format!("{JOBS}{AUDIENCES}{rest}"), &[]).warnings;
    assert!(warnings("")[0].starts_with("revocation_api.jobs.rules: "));
    let named = "[[revocation_api.jobs.rules]]\nclaims = { ref_protected = \"true\" }\n";
    assert!(warnings(named).is_empty());
    assert_eq!(warnings("[[revocation_api.jobs.rules]]\n").len(), 1);
}
