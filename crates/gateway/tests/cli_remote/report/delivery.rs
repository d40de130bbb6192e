//! Gateways in trouble, and reports that are none.

use std::fs;
use std::time::Instant;

use portcullis_test_support::{free_port, scratch_dir};
use serde_json::{Value, json};

use super::desk::{Answer, Desk};
use super::{refused, report, report_file, tokens, vulnerability};
use crate::binary::run;
use crate::support::GITLAB_TYPE;

#[test]
fn what_is_busy_or_away_for_a_moment_is_asked_again() {
    let folder = scratch_dir();
    report_file(folder.path(), &tokens(3));
    let later = "Retry-After: 1\r\n";
    let busy = || Answer::problem(429, "rate_limited").with(later);
    let troubled = [busy(), Answer::problem(503, "unavailable").with(later), Answer::nothing()];
    let desk = Desk::new(&[GITLAB_TYPE], &troubled, &troubled);
    let begun = Instant::now();
    let told: Value =
        serde_json::from_str(&report(folder.path(), &desk.url, &["--json"]).good()).unwrap();
    assert_eq!((&told["all"]["sent"], &told["error"]), (&json!(3), &Value::Null));
    assert_eq!(desk.lengths(), [3; 4], "the same again");
    assert!(begun.elapsed().as_secs() >= 4, "it waits as it is told to");
}

#[test]
fn patience_has_an_end() {
    let folder = scratch_dir();
    report_file(folder.path(), &tokens(2001));
    let busy = [Answer::taken(), Answer::problem(503, "unavailable").with("Retry-After: 61\r\n")];
    let desk = Desk::new(&[GITLAB_TYPE], &[], &busy);
    let said = report(folder.path(), &desk.url, &[]);
    assert_eq!(said.code, 1, "{said:?}");
    let error = "error: undelivered: 1001 were not delivered: unavailable: no; try again in 61 s\n";
    assert_eq!(said.err, error);
    let row = said.out.lines().last().unwrap();
    let counts: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(counts, [GITLAB_TYPE, "2001", "0", "0", "1000", "0", "1001"]);
    assert_eq!(desk.lengths(), [1000, 1000]);

    let away = format!("http://127.0.0.1:{}", free_port());
    let said = report(folder.path(), &away, &["--patience", "1500ms"]);
    let start = format!("error: unreachable: nobody answers at {away} (");
    assert!(refused(&said).starts_with(&start), "{said:?}");
    let many = vec![Answer::problem(429, "rate_limited").with("Retry-After: 61\r\n"); 2];
    let desk = Desk::new(&[GITLAB_TYPE], &many, &[]);
    let said = report(folder.path(), &desk.url, &[]);
    assert_eq!(refused(&said), "error: rate_limited: no; try again in 61 s");
}

#[test]
fn a_refusal_is_final_and_before_the_first_item_a_mistake() {
    let folder = scratch_dir();
    report_file(folder.path(), &tokens(1001));
    for (answer, told) in [
        (Answer::problem(401, "unauthorized"), "does not take the client token from client-token"),
        (Answer::problem(403, "no_rule"), "error: no_rule: no"),
        (Answer::problem(404, "not_found"), "is that the public listener?"),
        (Answer::taken(), "is not a Portcullis gateway"),
    ] {
        let desk = Desk::new(&[GITLAB_TYPE], &[answer], &[]);
        let said = report(folder.path(), &desk.url, &[]);
        assert!(refused(&said).contains(told), "{said:?}");
        assert!(desk.items().is_empty());
    }
    // Midway, for a job that outlived its token.
    let desk =
        Desk::new(&[GITLAB_TYPE], &[], &[Answer::taken(), Answer::problem(401, "unauthorized")]);
    let said = report(folder.path(), &desk.url, &["--json"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["all"]["sent"], &told["all"]["undelivered"]), (&json!(1000), &json!(1)));
    assert_eq!(told["error"]["code"], "unauthorized");
    assert_eq!(desk.lengths(), [1000, 1], "asked once");
}

#[test]
fn what_is_rejected_is_told_by_type_and_code() {
    let folder = scratch_dir();
    let mut found = tokens(4);
    // It might be one that the gateway lent; this one is not.
    found.push(vulnerability("gitleaks_rule_id_other", json!("glpat-1"), 1));
    report_file(folder.path(), &found);
    let answer = Answer::rejected(&[(1, "token_too_long"), (4, "unsupported_type")], 2);
    let desk = Desk::new(&[GITLAB_TYPE], &[], &[answer]);
    let said = report(folder.path(), &desk.url, &[]);
    assert_eq!(said.code, 1);
    assert_eq!(said.err, format!("error: rejected: 1 of {GITLAB_TYPE} (token_too_long)\n"));
    let told = "\
TYPE                                                    FOUND  NO SECRET  NOT OFFERED  SENT  REJECTED
gitleaks_rule_id_gitlab_personal_access_token_routable  4      0          0            3     1
gitleaks_rule_id_other                                  1      0          1            0     0
all                                                     5      0          1            3     1
";
    assert_eq!(said.out, told);
    for odd in [
        Answer::rejected(&[(5, "unsupported_type")], 1),
        Answer::rejected(&[(0, "unsupported_type")], 2),
        Answer::problem(400, "some_items_rejected"),
    ] {
        let desk = Desk::new(&[GITLAB_TYPE], &[], &[odd]);
        let said = report(folder.path(), &desk.url, &[]);
        assert!(
            said.code == 1 && said.err.contains("5 were not delivered: not-a-gateway"),
            "{said:?}"
        );
    }
}

#[test]
fn what_is_too_much_at_once_goes_in_parts() {
    let folder = scratch_dir();
    report_file(folder.path(), &tokens(5));
    let too_large = || Answer::problem(413, "too_large");
    let desk = Desk::new(&[GITLAB_TYPE], &[], &[too_large(), too_large()]);
    report(folder.path(), &desk.url, &[]).good();
    assert_eq!(desk.lengths(), [5, 2, 1, 1, 3]);
    let lines = desk.items()[7..].iter().map(|item| item["location"].clone()).collect::<Vec<_>>();
    assert_eq!(lines, ["a/b.env#L1", "a/b.env#L2", "a/b.env#L3", "a/b.env#L4", "a/b.env#L5"]);
    // One that is too large by itself keeps no other one alive.
    let desk = Desk::new(&[GITLAB_TYPE], &[], &vec![too_large(); 4]);
    let said = report(folder.path(), &desk.url, &[]);
    assert_eq!(said.err, format!("error: rejected: 2 of {GITLAB_TYPE} (too_large)\n"));
    let counts: Vec<&str> = said.out.lines().last().unwrap().split_whitespace().collect();
    assert_eq!((said.code, counts), (1, vec![GITLAB_TYPE, "5", "0", "0", "3", "2"]));
    assert_eq!(desk.lengths(), [5, 2, 1, 1, 3]);
}

#[test]
fn who_is_to_come_again_at_once_waits_all_the_same() {
    let folder = scratch_dir();
    report_file(folder.path(), &tokens(1));
    let now = Answer::problem(503, "unavailable").with("Retry-After: 0\r\n");
    let desk = Desk::new(&[GITLAB_TYPE], &[], &vec![now; 1000]);
    let said = report(folder.path(), &desk.url, &["--patience", "1500ms"]);
    assert!(said.code == 1 && said.err.contains("1 were not delivered: unavailable"), "{said:?}");
    assert_eq!(desk.lengths().len(), 2);
}

#[test]
fn a_file_that_is_no_report_or_a_wrong_command_line_is_status_2() {
    let folder = scratch_dir();
    let desk = Desk::new(&[GITLAB_TYPE], &[], &[]);
    let mut whole = tokens(3);
    whole.push(json!("glpat-garbage"));
    report_file(folder.path(), &whole);
    let said = report(folder.path(), &desk.url, &[]);
    assert!(refused(&said).starts_with("error: report: report.json: is no gitlab report (line 1"));
    fs::write(folder.path().join("report.json"), [0xff; 100]).unwrap();
    let said = report(folder.path(), &desk.url, &[]);
    assert!(refused(&said).ends_with("neither a report of GitLab nor of gitleaks: no JSON"));
    fs::remove_file(folder.path().join("report.json")).unwrap();
    assert!(
        refused(&report(folder.path(), &desk.url, &[])).starts_with("error: report: report.json: ")
    );
    fs::create_dir(folder.path().join("report.json")).unwrap();
    assert!(
        refused(&report(folder.path(), &desk.url, &[])).starts_with("error: report: report.json: ")
    );
    assert!(desk.items().is_empty(), "nothing of a broken report is sent");
    for (arguments, told) in [
        (
            &["report", "-", "--url", "http://127.0.0.1:1"][..],
            "error: token: no token: say --token-file",
        ),
        (&["report", "-", "--url", "ftp://a"], "error: url: "),
        (&["report", "-", "--url", "http://u:p@a"], "error: url: "),
        (
            &["report", "-", "--url", "http://127.0.0.1:1", "--token-file", "none"],
            "error: token-file: none: ",
        ),
    ] {
        assert!(refused(&run(folder.path(), arguments)).starts_with(told), "{arguments:?}");
    }
    for usage in [&["report", "-"][..], &["report", "--url", "http://a"]] {
        assert_eq!(run(folder.path(), usage).code, 2);
    }
}
