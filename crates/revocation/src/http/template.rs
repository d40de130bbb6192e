//! Texts with holes: `Bearer {token}`.

use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};

/// A text in which each `{name}` stands for a value. All other braces are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(String),
}

/// What fills the holes of one request. Each may be a secret, or a piece of one.
#[derive(Debug, Default)]
pub(super) struct Values<'a>(Vec<(&'a str, &'a SecretString)>);

impl<'a> Values<'a> {
    /// The same with one value more.
    pub(super) fn with(mut self, name: &'a str, value: &'a SecretString) -> Self {
        self.0.push((name, value));
        self
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.expose_secret())
    }
}

impl Template {
    /// Reads a text.
    pub(super) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut plain = String::new();
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            plain.push_str(before);
            if let Some((name, behind)) = after[1..].split_once('}').filter(|(n, _)| is_name(n)) {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Hole(name.to_owned()));
                rest = behind;
            } else {
                plain.push('{');
                rest = &after[1..];
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| *part != Part::Text(String::new()));
        Self(parts)
    }

    /// The names of its holes.
    pub(super) fn holes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Hole(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// What stands around its holes.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Hole(_) => None,
        })
    }

    /// The text in front of the first hole.
    pub(super) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The text with every hole filled, each value written as `write` does it for this place. `None` where a
    /// value is missing, or cannot stand here.
    pub(super) fn fill(
        &self,
        values: &Values<'_>,
        write: impl Fn(&str, &mut String) -> Option<()>,
    ) -> Option<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::new());
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Hole(name) => write(values.get(name)?, &mut text)?,
            }
        }
        Some(text)
    }
}

/// All that a group of a format can be called, but for dots and brackets.
fn is_name(text: &str) -> bool {
    let is_start = |b: &u8| b.is_ascii_alphabetic() || *b == b'_';
    text.as_bytes().first().is_some_and(is_start)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "others refuse")]
    fn plain(value: &str, to: &mut String) -> Option<()> {
        to.push_str(value);
        Some(())
    }

    #[test]
    fn holes_are_filled_and_other_braces_are_text() {
        let (token, id) = (SecretString::from("{id}"), SecretString::from("7"));
        let values = Values::default().with("token", &token).with("id", &id).with("Id_2", &id);
        for (text, filled, holes) in [
            ("", "", vec![]),
            ("Bearer {token}", "Bearer {id}", vec!["token"]),
            ("{id}{token}", "7{id}", vec!["id", "token"]),
            ("{Id_2}", "7", vec!["Id_2"]),
            ("{\"a\": \"{id}\"}", "{\"a\": \"7\"}", vec!["id"]),
            ("{} {7} {a b} {id", "{} {7} {a b} {id", vec![]),
            ("{\"{id\": {id}}", "{\"{id\": 7}", vec!["id"]),
        ] {
            let template = Template::new(text);
            assert_eq!(template.holes().collect::<Vec<_>>(), holes, "{text}");
            assert_eq!(template.fill(&values, plain).unwrap().as_str(), filled, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_missing_or_cannot_stand_there_leaves_nothing() {
        let token = SecretString::from("x");
        let template = Template::new("a {token}");
        assert_eq!(template.fill(&Values::default(), plain), None);
        assert_eq!(template.fill(&Values::default().with("token", &token), |_, _| None), None);
    }
}
