//! What the parser makes of bodies: of GitLab's, of odd ones, and of arbitrary bytes.

use portcullis_revocation_api::{ArraySplitter, Broken, Element, Judged, Rejection, parse};
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

/// One letter an item: R taken, S skipped, - rejected.
fn letters(body: &[u8]) -> (String, Result<(), Broken>) {
    let (judged, whole) = parse(body);
    let letter = |judged: &Judged| match judged {
        Judged::Report(_) => 'R',
        Judged::Skipped => 'S',
        Judged::Rejected(_) => '-',
    };
    (judged.iter().map(letter).collect(), whole)
}

#[test]
fn gitlabs_own_shape() {
    let body = br#"[
        {"type": "gitleaks_rule_id_x", "token": "one", "location": "https://g.example/a/-/blob/1/f#L21",
         "vulnerability": {"id": 1, "nested": {"deep": [1, {"a": "}]\""}]}, "token": "not this one"}},
        {"type": "gitleaks_rule_id_x", "token": null, "location": "", "vulnerability": null},
        {"type": "gitleaks_rule_id_x", "token": "", "vulnerability": null},
        {"vulnerability": null, "location": null, "token": "line one\nline \"two\" \u0000", "type": "t"}
    ]"#;
    let (judged, whole) = parse(body);
    assert_eq!(whole, Ok(()));
    let Judged::Report(first) = &judged[0] else { panic!("{judged:?}") };
    assert_eq!(first.secret.expose_secret(), "one");
    assert_eq!(first.location.as_deref(), Some("https://g.example/a/-/blob/1/f#L21"));
    assert!(matches!(judged[1], Judged::Skipped) && matches!(judged[2], Judged::Skipped));
    let Judged::Report(last) = &judged[3] else { panic!("{judged:?}") };
    assert_eq!(last.secret.expose_secret(), "line one\nline \"two\" \0");
    assert_eq!(last.location, None);
}

#[test]
fn odd_locations_do_not_save_a_token() {
    for location in ["1", "-1", "1.5", "true", "{\"a\":[1]}", "[[],{}]", "\"\"", "null"] {
        let body = format!(r#"[{{"type":"t","token":"x","location":{location}}}]"#);
        let (judged, _) = parse(body.as_bytes());
        assert!(matches!(&judged[0], Judged::Report(r) if r.location.is_none()), "{location}");
    }
    let twice = br#"[{"type":"t","token":"x","location":"a","location":null,"location":"b"}]"#;
    let (judged, _) = parse(twice);
    assert!(matches!(&judged[0], Judged::Report(r) if r.location.as_deref() == Some("b")));
    let long = "ä".repeat(3000);
    let (judged, _) =
        parse(format!(r#"[{{"type":"t","token":"x","location":"{long}"}}]"#).as_bytes());
    assert!(matches!(&judged[0], Judged::Report(r) if r.location.as_ref().unwrap().len() == 2048));
}

#[test]
fn the_same_token_may_come_often_and_keeps_each_location() {
    let item = |location: &str| {
        format!(r#"{{"type":"t","token":"x","location":"{location}","vulnerability":null}}"#)
    };
    // GitLab doubles a relative root in older versions.
    let locations =
        ["https://g.example/root/root/a/-/blob/1/f#L1", "https://g.example/root/a/-/blob/1/f#L2"];
    let body = format!("[{},{}]", item(locations[0]), item(locations[1]));
    let (judged, whole) = parse(body.as_bytes());
    assert_eq!(whole, Ok(()));
    for (judged, location) in judged.iter().zip(locations) {
        let Judged::Report(report) = judged else { panic!("{judged:?}") };
        assert_eq!(report.secret.expose_secret(), "x");
        assert_eq!(report.location.as_deref(), Some(location));
    }
    assert_eq!(judged.len(), 2);
}

#[test]
fn names_may_be_escaped_and_types_odd() {
    let body = br#"[{"t\u0079pe":"gitleaks_rule_id_hashicorp_terraform_user/org_api_token (x)",
        "\u0074oken":"caf\u00e9"}]"#;
    let (judged, _) = parse(body);
    let Judged::Report(report) = &judged[0] else { panic!("{judged:?}") };
    assert_eq!(report.token_type, "gitleaks_rule_id_hashicorp_terraform_user/org_api_token (x)");
    assert_eq!(report.secret.expose_secret(), "caf\u{e9}");
}

#[test]
fn a_type_of_256_bytes_is_the_longest() {
    for (length, letter) in [(256, "R"), (257, "-")] {
        let body = format!(r#"[{{"type":"{}","token":"x"}}]"#, "t".repeat(length));
        assert_eq!(letters(body.as_bytes()).0, letter);
    }
}

#[test]
fn a_bad_item_stays_alone_with_its_fault() {
    for bad in [
        "1",
        "\"x\"",
        "null",
        "true",
        "[]",
        "[\"t\",\"x\",null]",
        "{}",
        "{\"type\":\"t\"}",
        "{\"token\":\"x\"}",
        "{\"type\":1,\"token\":\"x\"}",
        "{\"type\":\"t\",\"token\":1}",
        "{\"type\":\"t\",\"token\":{}}",
        "{\"type\":\"\",\"token\":\"x\"}",
        "{\"type\":\"a\\nb\",\"token\":\"x\"}",
        "{\"type\":\"t\",\"token\":\"x\",\"token\":\"y\"}",
        "{\"type\":\"t\",\"type\":\"u\",\"token\":\"x\"}",
        "{\"type\":\"t\",\"token\":\"x\"",
        "{\"a\":}",
        "nonsense",
        "{]",
        "[}",
    ] {
        let good = r#"{"type":"t","token":"x"}"#;
        // A bracket left open swallows what follows: then the body as a whole is broken.
        let (seen, _) = letters(format!("[{good},{bad}]").as_bytes());
        assert!(seen.starts_with('R'), "{bad}: {seen}");
        if bad.matches(['{', '[']).count() == bad.matches(['}', ']']).count() {
            assert_eq!(
                letters(format!("[{bad},{good}]").as_bytes()),
                ("-R".into(), Ok(())),
                "{bad}"
            );
        }
    }
}

#[test]
fn invalid_utf8_in_one_item_is_that_items_fault() {
    let passed_over = b"[{\"type\":\"t\",\"token\":\"x\",\"vulnerability\":\"\xff\"},\
        {\"type\":\"t\",\"token\":\"x\"}]";
    assert_eq!(letters(passed_over), ("-R".into(), Ok(())));
    let body = b"[{\"type\":\"t\",\"token\":\"\xff\xfe\"},{\"type\":\"t\",\"token\":\"x\"}]";
    assert_eq!(letters(body), ("-R".into(), Ok(())));
}

#[test]
fn nesting_is_counted_and_not_climbed() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let body = format!(r#"[{{"type":"t","token":"x","vulnerability":{deep}}},1]"#);
    let (seen, whole) = letters(body.as_bytes());
    assert_eq!((seen.len(), whole), (2, Ok(())));
    let (seen, whole) = letters("[".repeat(200_000).as_bytes());
    assert_eq!((seen.as_str(), whole), ("", Err(Broken::TooShort)));
}

#[test]
fn long_items_are_passed_over_in_bounded_memory() {
    let filler = "x".repeat(300_000);
    let body = format!(
        r#"[{{"type":"t","token":"{filler}"}},{{"type":"t","token":"{}"}},{{"type":"t","token":"x"}}]"#,
        &filler[..17_000]
    );
    let (judged, whole) = parse(body.as_bytes());
    assert_eq!(whole, Ok(()));
    assert!(matches!(judged[0], Judged::Rejected(Rejection::ItemTooLarge)));
    assert!(matches!(judged[1], Judged::Rejected(Rejection::TokenTooLong)));
    assert!(matches!(judged[2], Judged::Report(_)));
}

#[test]
fn a_broken_whole_is_said_and_what_came_before_is_kept() {
    let good = r#"{"type":"t","token":"x"}"#;
    for (body, seen, broken) in [
        (String::new(), "", Broken::NotAnArray),
        ("   ".into(), "", Broken::NotAnArray),
        ("{}".into(), "", Broken::NotAnArray),
        ("token".into(), "", Broken::NotAnArray),
        ("[".into(), "", Broken::TooShort),
        ("[,]".into(), "", Broken::Malformed),
        (format!("[{good}"), "R", Broken::TooShort),
        (format!("[{good},"), "R", Broken::TooShort),
        (format!("[{good},]"), "R", Broken::Malformed),
        (format!("[{good}{good}]"), "R", Broken::Malformed),
        (format!("[{good}]x"), "R", Broken::Trailing),
        (format!("[{good}][{good}]"), "R", Broken::Trailing),
        (format!("[{good}}}"), "R", Broken::Malformed),
    ] {
        assert_eq!(letters(body.as_bytes()), (seen.into(), Err(broken)), "{body}");
    }
    assert_eq!(letters(b" [ ] \n"), (String::new(), Ok(())));
}

fn elements(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), Broken>) {
    let mut splitter = ArraySplitter::default();
    let mut all = Vec::new();
    for piece in pieces {
        let fed = splitter.feed(piece, |element| match element {
            Element::Bytes(bytes) => all.push(bytes.to_vec()),
            Element::TooLong => panic!("nothing here is long"),
        });
        if fed.is_err() {
            return (all, fed);
        }
    }
    (all, splitter.finish())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::hash_map(".{0,6}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_finds_what_a_json_parser_finds_however_the_body_is_cut(
        items in prop::collection::vec(json(), 0..8), pretty: bool, cut in 1_usize..40,
    ) {
        let whole = serde_json::Value::Array(items.clone());
        let text =
            if pretty { format!("{whole:#}") } else { whole.to_string() };
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
        let (found, end) = elements(&pieces);
        prop_assert_eq!(end, Ok(()));
        let found: Vec<serde_json::Value> =
            found.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect();
        prop_assert_eq!(found, items);
    }

    #[test]
    fn no_bytes_make_it_panic_and_cuts_do_not_matter(
        bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 1_usize..20,
    ) {
        drop(parse(&bytes));
        let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
        prop_assert_eq!(elements(&pieces), elements(&[&bytes]));
    }

    #[test]
    fn json_like_noise_does_not_either(text in r#"[\[\]{},:"\\ a1\n]{0,200}"#) {
        drop(parse(text.as_bytes()));
        let body = format!("[{text}");
        drop(parse(body.as_bytes()));
    }
}
