//! The fuzzer's seeds are bodies, as its target takes them apart: otherwise it would begin with noise.

use std::path::{Path, PathBuf};

use portcullis_revocation_api::{Judged, parse};

fn seeds() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/report_body");
    folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The target's input is `(u16, &[u8])`: two bytes say where to cut, little end first, and the rest is
/// the body.
fn body(seed: &[u8]) -> (u16, &[u8]) {
    let (cut, body) = seed.split_first_chunk().unwrap();
    (u16::from_le_bytes(*cut), body)
}

#[test]
fn every_seed_is_an_array_and_some_report_is_good() {
    let mut good = Vec::new();
    for path in seeds() {
        let seed = std::fs::read(&path).unwrap();
        let (cut, body) = body(&seed);
        assert_eq!(body.first(), Some(&b'['), "{}", path.display());
        assert!(usize::from(cut) > 0, "{}: it is cut nowhere", path.display());
        let (judged, whole) = parse(body);
        if whole.is_ok() && judged.iter().any(|judged| matches!(judged, Judged::Report(_))) {
            good.push(path);
        }
    }
    assert!(!good.is_empty());
}
