//! A request, taken apart.

use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, web};
use serde_json::Value;

use crate::answer::Answer;

/// All of a request that an answer can hang on. It owns everything, so that it can outlive its
/// connection.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Below GitLab's own root.
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) sudo: Option<String>,
    content_type: Option<String>,
    pub(crate) body: web::Bytes,
}

/// The parameters of a call, as the library takes them that stands in front of GitLab's API.
pub(crate) struct Params(Vec<(String, Value)>);

impl Call {
    /// `path` is the one below GitLab's own root.
    pub(crate) fn of(request: &HttpRequest, path: &str, body: web::Bytes) -> Self {
        let query = pairs(request.query_string());
        let named = |(name, value): &(String, String)| (name == "sudo").then(|| value.clone());
        let sudo = query.iter().find_map(named).or_else(|| text(request.headers(), "Sudo"));
        Self {
            method: request.method().clone(),
            path: path.to_owned(),
            token: text(request.headers(), "PRIVATE-TOKEN"),
            query,
            sudo,
            content_type: text(request.headers(), header::CONTENT_TYPE.as_str()),
            body,
        }
    }

    /// A parameter of the query; the last one of several.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let mut found = self.query.iter().rev().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// What query and body say together, the body after the query.
    pub(crate) fn params(&self) -> Result<Params, Answer> {
        let strings = |pairs: Vec<(String, String)>| {
            pairs.into_iter().map(|(name, value)| (name, Value::String(value)))
        };
        let mut all: Vec<_> = strings(self.query.clone()).collect();
        let kind = self.content_type.as_deref().unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            _ if self.body.is_empty() => {}
            "application/json" => match serde_json::from_slice(&self.body) {
                Ok(Value::Object(members)) => all.extend(members),
                Ok(_) => {}
                Err(_) => {
                    let broken = "400 Bad request - message body does not match declared format";
                    return Err(Answer::message(StatusCode::BAD_REQUEST, broken));
                }
            },
            "application/x-www-form-urlencoded" => {
                all.extend(strings(pairs(&String::from_utf8_lossy(&self.body))));
            }
            other => {
                let error = format!("The provided content-type '{other}' is not supported.");
                return Err(Answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error));
            }
        }
        Ok(Params(all))
    }
}

impl Params {
    /// A parameter that is one text; numbers are taken for theirs.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().rev().find(|(key, _)| key == name)?;
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A parameter of several texts: `name[]=…` again and again, an array, or one text with commas.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (_, value) in self.0.iter().filter(|(key, _)| key.trim_end_matches("[]") == name) {
            match value {
                Value::Array(items) => {
                    found.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                Value::String(text) => found.extend(text.split(',').map(|s| s.trim().to_owned())),
                _ => {}
            }
        }
        found.retain(|item| !item.is_empty());
        found
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    web::Query::from_query(text).map(web::Query::into_inner).unwrap_or_default()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
