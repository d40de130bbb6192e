//! The body of `POST /v1/revoke_tokens`: no bytes make the parser panic, where the network cuts them
//! changes nothing, and it finds the elements that a JSON parser finds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_revocation_api::{ArraySplitter, Broken, Element, Judged, judge, parse};
use secrecy::ExposeSecret as _;
use serde_json::value::RawValue;

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, body) = input;
    let whole = in_words(parse(body));
    let cut = usize::from(cut) % (body.len() + 1);
    assert_eq!(whole, in_words(parse_cut(body, cut)), "cut at {cut}");
    as_a_json_parser_does(body, &whole);
});

type Parsed = (Vec<Judged>, Result<(), Broken>);
type Words = (Vec<String>, Result<(), Broken>);

fn parse_cut(body: &[u8], cut: usize) -> Parsed {
    let mut splitter = ArraySplitter::default();
    let mut judged = Vec::new();
    let mut fed = Ok(());
    for part in [&body[..cut], &body[cut..]] {
        fed = fed.and_then(|()| splitter.feed(part, |element: Element<'_>| judged.push(judge(element))));
    }
    (judged, fed.and_then(|()| splitter.finish()))
}

/// Comparable, secrets included: they are the fuzzer's own.
fn in_words((judged, whole): Parsed) -> Words {
    let words = judged.iter().map(|judged| match judged {
        Judged::Report(report) => {
            let secret = report.secret.expose_secret();
            assert!(!secret.is_empty() && !report.token_type.is_empty());
            assert!(report.location.as_ref().is_none_or(|location| location.len() <= 2048));
            format!("{:?} {secret:?} {:?}", report.token_type, report.location)
        }
        Judged::Skipped => "skipped".to_owned(),
        Judged::Rejected(rejection) => rejection.code().to_owned(),
    });
    (words.collect(), whole)
}

/// The splitter is laxer within an element (that is the element's own fault) and never between them.
fn as_a_json_parser_does(body: &[u8], (words, whole): &Words) {
    let Ok(elements) = serde_json::from_slice::<Vec<&RawValue>>(body) else { return };
    assert_eq!(*whole, Ok(()));
    assert_eq!(words.len(), elements.len());
    for (element, words) in elements.iter().zip(words) {
        let alone = format!("[{}]", element.get());
        assert_eq!(in_words(parse(alone.as_bytes())).0, [words.clone()]);
    }
}
