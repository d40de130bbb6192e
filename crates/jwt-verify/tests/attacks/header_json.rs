//! The header as JSON. Two parsers that read it differently are two verdicts.

use crate::support::*;

const ALG: &str = "\"alg\":\"RS256\"";

fn under(headers: impl IntoIterator<Item = (&'static str, Vec<u8>, &'static str)>) {
    judges()
        .agree(headers.into_iter().map(|(name, header, code)| (name, honest_under(header), code)));
}

fn texts<const N: usize>(headers: [(&'static str, &str); N], code: &'static str) {
    under(headers.map(|(name, header)| (name, header.as_bytes().to_vec(), code)));
}

#[test]
fn no_member_stands_twice() {
    let with = |more: &str| format!("{{{ALG},{more}}}");
    texts(
        [
            ("alg, none last", &with("\"alg\":\"none\"")),
            ("alg, none first", &format!("{{\"alg\":\"none\",{ALG}}}")),
            ("alg, the same", &with(ALG)),
            ("kid", &with("\"kid\":\"rsa-1\",\"kid\":\"ec-1\"")),
            ("typ", &with("\"typ\":\"JWT\",\"typ\":\"x\"")),
            ("by an escape", &with("\"\\u0061lg\":\"none\"")),
            ("by an escape, first", &format!("{{\"\\u0061lg\":\"none\",{ALG}}}")),
            ("deep inside", &with("\"jwk\":{\"a\":1,\"\\u0061\":2}")),
            ("any other", &with("\"x\":1,\"x\":1")),
        ],
        "header_json",
    );
}

/// Names are compared to the letter: this is a member that nobody knows, and is ignored.
#[test]
fn another_case_is_another_member() {
    let kid = "\"kid\":\"rsa-1\"";
    texts([("beside", &format!("{{{ALG},{kid},\"ALG\":\"none\",\"Kid\":1}}"))], VERIFIED);
    texts([("alone", &format!("{{\"ALG\":\"RS256\",{kid}}}"))], "algorithm");
}

#[test]
fn a_header_is_one_object() {
    texts(
        [
            ("array", "[{\"alg\":\"RS256\"}]"),
            ("string", "\"{\\\"alg\\\":\\\"RS256\\\"}\""),
            ("number", "256"),
            ("null", "null"),
            ("empty", ""),
            ("blank", "  "),
            ("truncated", "{\"alg\":\"RS256\""),
            ("truncated text", "{\"alg\":\"RS25"),
            ("trailing comma", "{\"alg\":\"RS256\",}"),
            ("single quotes", "{'alg':'RS256'}"),
            ("no quotes", "{alg:\"RS256\"}"),
            ("comment", "{\"alg\":\"RS256\"/* */}"),
            ("line comment", "{\"alg\":\"RS256\"}//"),
            ("two objects", "{\"alg\":\"RS256\"}{\"alg\":\"none\"}"),
            ("trailing text", "{\"alg\":\"RS256\"}x"),
            ("trailing NUL", "{\"alg\":\"RS256\"}\0"),
            ("NaN", "{\"alg\":\"RS256\",\"x\":NaN}"),
            ("no value", "{\"alg\"}"),
            ("a number for a name", "{1:2,\"alg\":\"RS256\"}"),
            ("a form feed", "\u{c}{\"alg\":\"RS256\"}"),
            ("a no-break space", "\u{a0}{\"alg\":\"RS256\"}"),
            ("a line separator", "{\"alg\":\u{2028}\"RS256\"}"),
            ("a raw line feed in a text", "{\"alg\":\"RS256\",\"x\":\"\n\"}"),
            ("a raw tab in a text", "{\"alg\":\"RS256\",\"x\":\"\t\"}"),
        ],
        "header_json",
    );
    texts([("no members", "{}")], "algorithm");
    texts(
        [("blanks that JSON has", " {\r\n\t\"alg\" : \"RS256\" ,\"kid\":\"rsa-1\"} \n")],
        VERIFIED,
    );
}

#[test]
fn a_header_is_utf_8() {
    let around = |bytes: &[u8]| [b"{\"alg\":\"RS256\",\"x\":\"", bytes, b"\"}"].concat();
    let utf_16 = format!("{{{ALG}}}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    under([
        ("byte order mark", [&b"\xef\xbb\xbf"[..], b"{\"alg\":\"RS256\"}"].concat(), "header_json"),
        ("UTF-16LE", utf_16, "header_json"),
        ("0xff", around(b"\xff"), "header_json"),
        ("overlong", around(b"\xc0\xaf"), "header_json"),
        ("overlong NUL", around(b"\xc0\x80"), "header_json"),
        ("surrogate", around(b"\xed\xa0\x80"), "header_json"),
        ("beyond Unicode", around(b"\xf4\x90\x80\x80"), "header_json"),
        ("cut character", around(b"\xe2\x82"), "header_json"),
        ("escaped surrogate", around(b"\\ud800"), "header_json"),
        ("surrogates the wrong way round", around(b"\\udc00\\ud800"), "header_json"),
        ("unknown escape", around(b"\\x41"), "header_json"),
        ("in a name", b"{\"alg\":\"RS256\",\"\xff\":1}".to_vec(), "header_json"),
    ]);
}

/// CVE-2025-53864.
#[test]
fn depth_and_size_are_bounded() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        header_with(&RSA, &format!("\"x\":{open}{close}")).into_bytes()
    };
    let members = |count: usize| header_with(&RSA, &hex_members(count)).into_bytes();
    let repeated = header_with(&RSA, &format!("{},\"3e7\":1", hex_members(1000))).into_bytes();
    under([
        ("100 levels", nested(100), VERIFIED),
        ("200 levels", nested(200), "header_json"),
        ("5,000 levels", nested(5000), "header_json"),
        ("10,000 levels", nested(10_000), "too_long"),
        (
            "16 KiB",
            header_with(&RSA, &format!("\"x\":\"{}\"", "A".repeat(16 * 1024))).into(),
            "too_long",
        ),
        ("1,000 members", members(1000), VERIFIED),
        ("1,000 members, the last again", repeated, "header_json"),
        ("2,000 members", members(2000), "too_long"),
    ]);
}

fn hex_members(count: usize) -> String {
    (0..count).map(|n| format!("\"{n:x}\":0")).collect::<Vec<_>>().join(",")
}
