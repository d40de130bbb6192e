//! Texts of strangers, made harmless.

use serde_json::{Map, Value};

/// The longest text that is told.
pub(super) const LONGEST: usize = 200;

/// Members of an object and items of a list that are told.
const MEMBERS: usize = 20;

/// How deep objects and lists may stand in each other.
const DEPTH: usize = 3;

/// At most [`LONGEST`] characters of `text`, without what would not be seen as it stands: control
/// characters, line ends, and the characters that hide or turn around what follows.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() || hides(c) { '\u{fffd}' } else { c };
    let mut plain: String = text.chars().take(LONGEST).map(shown).collect();
    if text.chars().nth(LONGEST).is_some() {
        plain.pop();
        plain.push('…');
    }
    plain
}

/// Line and paragraph separators, invisible characters, and marks that reverse the direction of writing.
fn hides(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The same for JSON of a provider, bounded in all directions.
pub(super) fn plain_json(value: &Value) -> Value {
    plain_at(value, 0)
}

fn plain_at(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) => plain(text).into(),
        Value::Array(_) | Value::Object(_) if depth == DEPTH => Value::Null,
        Value::Array(items) => {
            items.iter().take(MEMBERS).map(|item| plain_at(item, depth + 1)).collect()
        }
        Value::Object(members) => {
            let members = members.iter().take(MEMBERS);
            let told = members.map(|(name, value)| (plain(name), plain_at(value, depth + 1)));
            Value::Object(told.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_would_not_be_seen_is_taken_out() {
        assert_eq!(
            plain("a\nb\0c\u{202e}d\u{200b}e\u{7f}ü"),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}ü"
        );
    }

    #[test]
    fn a_long_text_is_cut_by_characters() {
        assert_eq!(plain(&"ü".repeat(200)), "ü".repeat(200));
        assert_eq!(plain(&"ü".repeat(201)), format!("{}…", "ü".repeat(199)));
    }

    #[test]
    fn json_is_bounded_in_all_directions() {
        let wide: Vec<u32> = (0..1000).collect();
        let deep = json!({ "a": { "b": { "c": { "d": 1 } } }, "wide": wide, "t\n": "\u{1b}[2J" });
        let told = plain_json(&deep);
        assert_eq!(told["a"]["b"]["c"], Value::Null);
        assert_eq!(told["wide"].as_array().unwrap().len(), 20);
        assert_eq!(told["t\u{fffd}"], "\u{fffd}[2J");
    }
}
