//! What nobody should send to `POST /v1/revoke_tokens`.

use serde_json::{Value, json};

use crate::raw::{chunk, raw};
use crate::support::{
    Answer, Database, GITLAB_TYPE, PAT_TYPE, REPORTING, TestGateway, gitlab_toml,
};

/// Part of every token here, so that a trace of one can be told.
pub(crate) const MARK: &str = "Mark0fAToken";

/// GitLab's tokens are taken and wait for an operator: sealed, and no call is made.
fn held() -> String {
    format!(
        "[revocation.modes]\n{GITLAB_TYPE} = \"approve\"\n{}",
        gitlab_toml("http://127.0.0.1:1")
    )
}

fn token(n: usize) -> String {
    format!("glpat-{MARK}{n:012}")
}

fn item(n: usize) -> Value {
    json!({ "type": GITLAB_TYPE, "token": token(n), "location": "https://gitlab.example.com/x" })
}

/// The answer has this status and code (empty: none), says nothing of a token, and the gateway
/// lives.
async fn assert_answer(
    gateway: &TestGateway,
    answer: &Answer,
    status: u16,
    code: &str,
    what: &str,
) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    if code.is_empty() {
        assert_eq!(answer.text, "", "{what}");
    } else {
        assert_eq!(answer.code(), code, "{what}");
    }
    assert!(!format!("{answer:?}").contains(MARK), "{what} is repeated");
    let health = gateway.get("/health").await;
    assert_eq!((health.status, health.text.as_str()), (200, "Healthy"), "after {what}");
}

async fn held_rows(gateway: &TestGateway) -> usize {
    gateway.revocations("?state=held").await.len()
}

pub(crate) async fn a_body_that_is_no_array_is_refused(database: Database) {
    let gateway = TestGateway::start(&database, &held()).await;
    let one = item(0).to_string();
    let open = "[".repeat(100_000);
    let bodies: [(&str, Vec<u8>); 14] = [
        ("nothing", vec![]),
        ("white space", b" \r\n\t".to_vec()),
        ("not JSON", MARK.into()),
        ("an object", one.clone().into()),
        ("a string", format!("\"{}\"", token(0)).into()),
        ("null", b"null".to_vec()),
        ("a number", b"17".to_vec()),
        ("invalid UTF-8", [&b"\xff\xfe"[..], MARK.as_bytes()].concat()),
        ("UTF-16", one.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a byte order mark", format!("\u{feff}[{one}]").into()),
        ("an open end", b"[".to_vec()),
        ("NUL", vec![0; 1000]),
        ("brackets that never close", open.into()),
        ("gzip", [&b"\x1f\x8b\x08\x00"[..], MARK.as_bytes()].concat()),
    ];
    for (what, body) in bodies {
        let answer = gateway.report_as(REPORTING, body).await;
        assert_answer(&gateway, &answer, 400, "invalid_body", what).await;
    }
    assert_eq!(gateway.revocations("").await.len(), 0);
    gateway.stop().await;
}

/// Before and after the broken place: what can be read is taken.
pub(crate) async fn a_body_that_breaks_later_is_taken_as_far_as_it_goes(database: Database) {
    let gateway = TestGateway::start(&database, &held()).await;
    let tails = ["", ",", ",]", "}", "] x", "],[]", ",{\"type\":\"", "]\u{0}"];
    for (n, tail) in tails.into_iter().enumerate() {
        let body = format!("[{}{tail}", item(n));
        let answer = gateway.report_as(REPORTING, body).await;
        assert_answer(&gateway, &answer, 400, "invalid_body", tail).await;
        assert_eq!(answer.json()["accepted"], 1, "{tail}");
        assert_eq!(held_rows(&gateway).await, n + 1, "{tail}");
    }
    gateway.stop().await;
}

pub(crate) async fn a_bad_item_is_named_and_its_neighbours_are_taken(database: Database) {
    let gateway = TestGateway::start(&database, &held()).await;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let with = |members: &str| format!("{{{members}}}").into_bytes();
    let of_type = |name: &str| json!({ "type": name, "token": token(99) }).to_string().into_bytes();
    let spoilt = of_type("t").iter().map(|b| if *b == b'M' { 0xff } else { *b }).collect();
    let cases: [(&str, Vec<u8>, &str); 20] = [
        ("a number", b"1".to_vec(), "invalid_item"),
        ("null", b"null".to_vec(), "invalid_item"),
        ("a string", format!("\"{MARK}\"").into(), "invalid_item"),
        ("an array", b"[]".to_vec(), "invalid_item"),
        ("a word", MARK.into(), "invalid_item"),
        ("an empty object", with(""), "invalid_item"),
        ("no token", with(&format!("\"type\":\"{GITLAB_TYPE}\"")), "invalid_item"),
        ("no type", with(&format!("\"token\":\"{MARK}\"")), "invalid_item"),
        (
            "a number for a token",
            with(&format!("\"type\":\"{GITLAB_TYPE}\",\"token\":1")),
            "invalid_item",
        ),
        ("an object for a type", with("\"type\":{},\"token\":\"x\""), "invalid_item"),
        ("two tokens", with("\"type\":\"t\",\"token\":\"a\",\"token\":\"b\""), "invalid_item"),
        ("half a surrogate", with("\"type\":\"t\",\"token\":\"\\ud800\""), "invalid_item"),
        ("invalid UTF-8", spoilt, "invalid_item"),
        ("deep brackets", deep(100_000).into(), "invalid_item"),
        ("an empty type", of_type(""), "invalid_item"),
        ("a type with NUL", of_type("a\u{0}b"), "invalid_item"),
        ("a type nobody has", of_type("gitleaks_rule_id_nothing"), "unsupported_type"),
        (
            "a type with odd characters",
            of_type("google_(gcp) ../'\"%\u{1f511}"),
            "unsupported_type",
        ),
        (
            "a token beyond measure",
            json!({"type": GITLAB_TYPE, "token": MARK.repeat(3000)}).to_string().into(),
            "token_too_long",
        ),
        (
            "an item beyond measure",
            json!({"type": GITLAB_TYPE, "token": "x", "more": MARK.repeat(30_000)})
                .to_string()
                .into(),
            "item_too_large",
        ),
    ];
    for (n, (what, bad, code)) in cases.into_iter().enumerate() {
        let (before, after) = (item(2 * n).to_string(), item(2 * n + 1).to_string());
        let body = [b"[", before.as_bytes(), b",", &bad, b" ,", after.as_bytes(), b"]"].concat();
        let answer = gateway.report_as(REPORTING, body).await;
        assert_answer(&gateway, &answer, 400, "some_items_rejected", what).await;
        let said = answer.json();
        assert_eq!((&said["accepted"], &said["rejected_total"]), (&json!(2), &json!(1)), "{what}");
        let rejected = said["rejected"].as_array().unwrap();
        assert_eq!(rejected.len(), 1, "{what}");
        assert_eq!(
            (&rejected[0]["index"], &rejected[0]["code"]),
            (&json!(1), &json!(code)),
            "{what}"
        );
        assert_eq!(held_rows(&gateway).await, 2 * n + 2, "{what}");
    }
    gateway.stop().await;
}

pub(crate) async fn odd_items_that_are_no_fault_are_taken(database: Database) {
    let gateway = TestGateway::start(&database, &held()).await;
    let nothing = json!([
        { "type": GITLAB_TYPE, "token": null },
        { "type": PAT_TYPE, "token": "", "location": "x" },
        { "type": "nobody has this", "token": null },
    ]);
    for body in [json!([]), nothing] {
        let answer = gateway.report(&body).await;
        assert_answer(&gateway, &answer, 204, "", "nothing to revoke").await;
    }
    assert_eq!(gateway.revocations("").await.len(), 0);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (n, rest) in [
        String::new(),
        "\"location\":null".to_owned(),
        "\"location\":17".to_owned(),
        "\"location\":\"\\u0000\"".to_owned(),
        format!("\"location\":\"{}\"", "\u{e4}".repeat(50_000)),
        format!("\"location\":{deep}"),
        format!("\"vulnerability\":{deep}"),
        "\"vulnerability\":null,\"vulnerability\":{\"a\":1}".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let joint = if rest.is_empty() { "" } else { "," };
        let body =
            format!("[{{\"type\":\"{GITLAB_TYPE}\",\"token\":\"{}\"{joint}{rest}}}]", token(n));
        let answer = gateway.report_as(REPORTING, body).await;
        assert_answer(&gateway, &answer, 204, "", &format!("{rest:.40}")).await;
        assert_eq!(held_rows(&gateway).await, n + 1, "{rest:.40}");
    }
    gateway.stop().await;
}

pub(crate) async fn a_token_that_is_not_of_its_type_is_refused_and_kept_nowhere(
    database: Database,
) {
    let gateway = TestGateway::start(&database, &held()).await;
    let tokens = [
        format!("{}\u{0}\n", token(0)),
        format!("{}\n{}", token(1), token(2)),
        format!("\r\n{}", token(3)),
        format!("ghp_{MARK}"),
        format!("{MARK}\u{1f511}"),
        "\u{0}".to_owned(),
    ];
    for token in &tokens {
        let items = json!([{ "type": GITLAB_TYPE, "token": token, "location": "a\u{0}b" }]);
        let answer = gateway.report(&items).await;
        assert_answer(&gateway, &answer, 204, "", &format!("{token:?}")).await;
    }
    let rows = gateway.revocations("").await;
    assert_eq!(rows.len(), tokens.len());
    for row in rows {
        assert_eq!((&row["state"], &row["code"]), (&json!("refused"), &json!("format")), "{row}");
        assert_eq!(row["attempts"], 0, "nobody was asked: {row}");
    }
    gateway.stop().await;
}

pub(crate) async fn twenty_thousand_items_are_all_there(database: Database) {
    let gateway = TestGateway::start(&database, &held()).await;
    // The first one comes a second time at the end.
    let items: Vec<Value> = (0..20_000).chain([0]).map(item).collect();
    let answer = gateway.report(&items.into()).await;
    assert_answer(&gateway, &answer, 204, "", "20,000 items").await;
    let rows = gateway.revocations("?state=held").await;
    let mut each: Vec<&str> = rows.iter().map(|row| row["fingerprint"].as_str().unwrap()).collect();
    each.sort_unstable();
    each.dedup();
    assert_eq!(each.len(), 20_000);
    let sightings: u64 = rows.iter().map(|row| row["sightings"].as_u64().unwrap()).sum();
    assert!(sightings >= 20_000, "{sightings}");
    gateway.stop().await;
}

const MIB: usize = 1024 * 1024;

pub(crate) async fn a_body_of_65_mib_is_too_large(database: Database) {
    let gateway = TestGateway::start(&database, &held()).await;
    let credential = format!("Authorization: {REPORTING}");
    let line = "POST /v1/revoke_tokens HTTP/1.1";
    let length = format!("Content-Length: {}", 65 * MIB);
    // Not a byte of it is waited for.
    let (status, text) = raw(gateway.address(), &[line, &credential, &length], []).await;
    assert!(status == 413 && text.contains("\"code\":\"too_large\""), "{text}");
    // Without the credential the length is nobody's business.
    let (status, text) = raw(gateway.address(), &[line, &length], []).await;
    assert!(status == 401 && text.contains("\"code\":\"unauthorized\""), "{text}");
    // Chunked, it says no length: what came before the bound is taken.
    let first = format!("[{},", item(0)).into_bytes();
    let pieces = std::iter::once(first).chain((0..65).map(|_| vec![b' '; MIB]));
    let head = [line, &credential, "Transfer-Encoding: chunked"];
    let (status, text) = raw(gateway.address(), &head, pieces.map(|piece| chunk(&piece))).await;
    assert!(status == 413 && text.contains("\"code\":\"too_large\""), "{text}");
    assert!(text.contains("\"accepted\":1") && !text.contains(MARK), "{text}");
    assert_eq!(held_rows(&gateway).await, 1);
    assert_eq!(gateway.get("/health").await.status, 200);
    gateway.stop().await;
}
