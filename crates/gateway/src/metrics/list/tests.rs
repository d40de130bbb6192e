use std::collections::BTreeSet;

use super::*;
use crate::metrics::list::kinds::Kind;

#[test]
fn names_say_what_they_are() {
    let names: BTreeSet<&str> = ALL.iter().map(|one| one.name).collect();
    assert_eq!(names.len(), ALL.len(), "every name is there once");
    for one in ALL {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(plain(one.name) && one.labels.iter().all(|label| plain(label)), "{one:?}");
        assert!(one.name.starts_with("portcullis_") || one.name.starts_with("process_"), "{one:?}");
        assert_eq!(one.name.ends_with("_total"), one.kind == Kind::Counter, "{one:?}");
        if one.unit == "seconds" {
            assert!(one.name.contains("_seconds"), "{one:?}");
        }
        if one.unit == "bytes" {
            assert!(one.name.ends_with("_bytes"), "{one:?}");
        }
        assert!(!one.help.contains('\n') && one.help.ends_with('.'), "{one:?}");
    }
}
