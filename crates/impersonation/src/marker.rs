//! What a token is called at GitLab: for whom it was made, and which intent it belongs to. The name is how
//! a token that nobody heard of is found again.

/// GitLab's longest name, in characters.
const LONGEST_NAME: usize = 255;

/// What stands before the installation's name.
const OPENING: &str = "[portcullis:";

/// `<sub> [portcullis:<instance>:<intent>]`. A subject that leaves no room is cut: the marker counts.
pub(crate) fn name(subject: &str, instance: &str, intent: &str) -> String {
    let marker = format!("{OPENING}{instance}:{intent}]");
    let room = LONGEST_NAME.saturating_sub(marker.chars().count() + 1);
    let subject: String = subject.chars().take(room).collect();
    format!("{subject} {marker}")
}

/// The intent that a token of this installation names, where it is one. Only what stands at the very end
/// counts: a subject may hold anything, also what looks like a marker.
pub(crate) fn intent<'a>(name: &'a str, instance: &str) -> Option<&'a str> {
    let (before, marker) = name.rsplit_once(OPENING)?;
    let (named, intent) = marker.strip_suffix(']')?.split_once(':')?;
    let ours = named == instance && before.ends_with(' ');
    // As we make them; anything else no database has to bear, such as Postgres a NUL.
    let is_id = intent.len() == 36 && intent.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    (ours && is_id).then_some(intent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0b6d2a3e-5b7c-4d3e-9f1a-2b3c4d5e6f70";

    #[test]
    fn a_name_leads_back_to_its_intent() {
        for subject in ["project_path:a/b:ref_type:branch:ref:main", "", "x [portcullis:aa:bb]"] {
            let name = name(subject, "00ff", ID);
            assert_eq!(name, format!("{subject} [portcullis:00ff:{ID}]"));
            assert_eq!(intent(&name, "00ff"), Some(ID));
            assert_eq!(intent(&name, "00fe"), None, "another installation's");
        }
    }

    #[test]
    fn a_long_subject_is_cut_and_the_marker_is_not() {
        let name = name(&"\u{e4}".repeat(400), "00ff", ID);
        assert_eq!(name.chars().count(), LONGEST_NAME);
        assert_eq!(intent(&name, "00ff"), Some(ID));
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for name in [
            "",
            "a token",
            "[portcullis:00ff:x]",
            "a[portcullis:00ff:x]",
            "a [portcullis:00ff:x] ",
            "a [portcullis:00ff:x",
            "a [portcullis:00ff:]",
            "a [portcullis:00ff]",
            "a [portcullis:00ff:x:y]",
            "a [portcullis:00ff:x]]",
            "a [Portcullis:00ff:x]",
            "a [portcullis: 00ff:x]",
            "a [portcullis:00ff:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0]",
        ] {
            // With an id, so that it is for what is around it that it is none.
            let with_id = name.replace('x', ID);
            assert_eq!(intent(name, "00ff"), None, "{name:?}");
            assert_eq!(intent(&with_id, "00ff"), None, "{with_id:?}");
        }
        assert_eq!(intent("a [portcullis:00ff:x]", "00ff"), None, "no id of ours");
    }
}
