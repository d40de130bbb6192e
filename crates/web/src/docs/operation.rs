//! One route as an OpenAPI operation.

use actix_web::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{Answer, Docs};
use crate::Route;

/// The methods that a document can name; a route for any method has all of them.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::TRACE,
];

impl Route {
    /// What is known of it, with all that follows from its access.
    pub(super) fn documented(&self) -> Docs {
        self.access.refusals((self.docs)())
    }

    /// The methods that it stands for in a document.
    pub(super) fn methods(&self) -> Vec<Method> {
        if self.method == Self::any_method() { METHODS.into() } else { vec![self.method.clone()] }
    }
}

/// The path as OpenAPI writes it: `/a/{tail}` for `/a/{tail:.*}`.
pub(super) fn template(pattern: &str) -> String {
    let (mut template, mut depth, mut hidden) = (String::new(), 0_usize, false);
    for letter in pattern.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 1 => hidden = true,
            _ => {}
        }
        hidden &= depth > 0;
        if !hidden {
            template.push(letter);
        }
    }
    template
}

/// The operation of a method, whose name is made of the method and the path.
pub(super) fn operation(route: &Route, method: &Method, docs: &Docs) -> Value {
    let words = template(&route.path);
    let words: Vec<&str> = words
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let id = format!("{}_{}", method.as_str().to_lowercase(), words.join("_"));
    let answers = docs.answers.iter().map(|(status, answer)| {
        (status.to_string(), answer.written(*status, *method == Method::HEAD))
    });
    let mut operation = json!({
        "operationId": id,
        "tags": [docs.tag],
        "summary": route.summary,
        "responses": answers.collect::<Map<_, _>>(),
    });
    if !docs.about.is_empty() {
        operation["description"] = docs.about.as_str().into();
    }
    if !docs.parameters.is_empty() {
        operation["parameters"] = docs.parameters.clone().into();
    }
    if let Some(body) = &docs.body {
        operation["requestBody"] = body.clone();
    }
    let schemes = route.access.schemes();
    if !schemes.is_empty() {
        operation["security"] = schemes.iter().map(|scheme| json!({ *scheme: [] })).collect();
    }
    operation
}

impl Answer {
    /// `bare` is the answer to a HEAD, which has no body.
    fn written(&self, status: u16, bare: bool) -> Value {
        let mut headers = self.headers.clone();
        headers
            .insert("X-Request-Id".to_owned(), json!({ "$ref": "#/components/headers/RequestId" }));
        let mut written = json!({ "description": self.described(status), "headers": headers });
        let mut content = self.content.clone();
        if !self.codes.is_empty() {
            content
                .insert("application/problem+json".to_owned(), json!({ "schema": self.problem() }));
        }
        if !bare && !content.is_empty() {
            written["content"] = content.into();
        }
        written
    }

    fn described(&self, status: u16) -> String {
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let codes: Vec<String> = self.codes.iter().map(|code| format!("`{code}`")).collect();
        match (self.about, codes.join(", ")) {
            ("", codes) => format!("{}: {codes}", reason.unwrap_or_default()),
            (about, codes) if codes.is_empty() => about.to_owned(),
            (about, codes) => format!("{about} Or a problem: {codes}"),
        }
    }

    fn problem(&self) -> Value {
        let codes = json!({ "properties": { "code": { "enum": self.codes } } });
        let all = [json!({ "$ref": "#/components/schemas/Problem" }), codes];
        json!({ "allOf": all.into_iter().chain(self.members.clone()).collect::<Vec<_>>() })
    }
}
