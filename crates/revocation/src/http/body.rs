//! The body of a request: JSON or a form with holes.

use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use url::form_urlencoded;

use super::call::{CallError, Description};
use super::template::{Template, Values};

#[derive(Debug, Clone)]
pub(super) enum Body {
    Nothing,
    Json(Value),
    Form(Vec<(String, Template)>),
}

impl Body {
    /// JSON, or a form where the headers say so.
    pub(super) fn read(description: &Description) -> Result<Self, CallError> {
        let Some(text) = &description.body else { return Ok(Self::Nothing) };
        let is_form = description.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case(CONTENT_TYPE.as_str())
                && value.starts_with("application/x-www-form-urlencoded")
        });
        if is_form {
            let pairs = form_urlencoded::parse(text.as_bytes());
            let pairs = pairs.map(|(name, value)| (name.into_owned(), Template::new(&value)));
            return Ok(Self::Form(pairs.collect()));
        }
        serde_json::from_str(text).map(Self::Json).map_err(|_| CallError::Body)
    }

    /// The names of its holes, but for the place of a batch.
    pub(super) fn holes(&self) -> Vec<String> {
        let mut holes = Vec::new();
        match self {
            Self::Nothing => {}
            Self::Json(value) => each_text(value, &mut |text| {
                holes.extend(Template::new(text).holes().map(str::to_owned));
            }),
            Self::Form(pairs) => {
                holes.extend(pairs.iter().flat_map(|(_, text)| text.holes()).map(str::to_owned));
            }
        }
        holes
    }

    /// Whether it has a place for all secrets of a batch.
    pub(super) fn lists_tokens(&self) -> bool {
        fn lists(value: &Value) -> bool {
            match value {
                Value::Array(items) => is_all_tokens(items) || items.iter().any(lists),
                Value::Object(members) => members.values().any(lists),
                _ => false,
            }
        }
        matches!(self, Self::Json(value) if lists(value))
    }

    /// With its holes filled; the outer `None` where a value is missing.
    #[expect(
        clippy::option_option,
        reason = "no body is not the same as one that cannot be written"
    )]
    pub(super) fn fill(
        &self,
        values: &Values<'_>,
        secrets: &[&SecretString],
    ) -> Option<Option<Vec<u8>>> {
        match self {
            Self::Nothing => Some(None),
            Self::Json(value) => json(value, values, secrets).map(Some),
            Self::Form(pairs) => form(pairs, values).map(Some),
        }
    }
}

fn is_all_tokens(items: &[Value]) -> bool {
    matches!(items, [Value::String(only)] if only == "{tokens}")
}

fn each_text(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(items) if is_all_tokens(items) => {}
        Value::Array(items) => items.iter().for_each(|item| each_text(item, each)),
        Value::Object(members) => members.values().for_each(|item| each_text(item, each)),
        _ => {}
    }
}

/// JSON with its holes filled, written by hand so that no copy of a secret stays in a tree of values.
fn json(value: &Value, values: &Values<'_>, secrets: &[&SecretString]) -> Option<Vec<u8>> {
    let mut text = Zeroizing::new(String::new());
    write_json(value, values, secrets, &mut text)?;
    Some(text.as_bytes().to_vec())
}

fn write_json(
    value: &Value,
    values: &Values<'_>,
    secrets: &[&SecretString],
    to: &mut String,
) -> Option<()> {
    match value {
        Value::String(text) => {
            let filled = Template::new(text).fill(values, |value, to| {
                to.push_str(value);
                Some(())
            })?;
            push_quoted(&filled, to);
        }
        Value::Array(items) if is_all_tokens(items) => {
            to.push('[');
            for (i, secret) in secrets.iter().enumerate() {
                to.push_str(if i == 0 { "" } else { "," });
                push_quoted(secret.expose_secret(), to);
            }
            to.push(']');
        }
        Value::Array(items) => {
            to.push('[');
            for (i, item) in items.iter().enumerate() {
                to.push_str(if i == 0 { "" } else { "," });
                write_json(item, values, secrets, to)?;
            }
            to.push(']');
        }
        Value::Object(members) => {
            to.push('{');
            for (i, (name, item)) in members.iter().enumerate() {
                to.push_str(if i == 0 { "" } else { "," });
                push_quoted(name, to);
                to.push(':');
                write_json(item, values, secrets, to)?;
            }
            to.push('}');
        }
        other => to.push_str(&other.to_string()),
    }
    Some(())
}

fn push_quoted(text: &str, to: &mut String) {
    let quoted = Zeroizing::new(Value::from(text).to_string());
    to.push_str(&quoted);
}

fn form(pairs: &[(String, Template)], values: &Values<'_>) -> Option<Vec<u8>> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, template) in pairs {
        let value = template.fill(values, |value, to| {
            to.push_str(value);
            Some(())
        })?;
        form.append_pair(name, &value);
    }
    Some(form.finish().into_bytes())
}
