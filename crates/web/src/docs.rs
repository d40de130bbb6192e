//! What a route says of itself for the OpenAPI document. What follows from who may call it, and from its
//! having a body, is added by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

mod access;
mod document;
mod operation;

pub use document::{Listener, document, paths};

/// The documentation of one route: its parameters, its body, and every answer that it has.
#[derive(Debug, Clone)]
pub struct Docs {
    tag: &'static str,
    about: String,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Answer>,
    schemas: BTreeMap<String, Value>,
}

/// All that may come with one status.
#[derive(Debug, Clone, Default)]
struct Answer {
    about: &'static str,
    headers: Map<String, Value>,
    content: Map<String, Value>,
    /// The codes of problems.
    codes: BTreeSet<&'static str>,
    /// The schema of the members that problems have beside those of all.
    members: Option<Value>,
}

impl Docs {
    /// Of a route that is listed under this heading.
    pub fn new(tag: &'static str) -> Self {
        Self {
            tag,
            about: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            schemas: BTreeMap::new(),
        }
    }

    /// More than the route's summary says, in Markdown.
    #[must_use]
    pub fn about(mut self, text: impl Into<String>) -> Self {
        self.about = text.into();
        self
    }

    /// A parameter of the path: each one that the path names.
    #[must_use]
    pub fn path(self, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        self.parameter("path", name, true, &schema.into(), about)
    }

    /// A parameter of the query, which may be left out.
    #[must_use]
    pub fn query(self, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        self.parameter("query", name, false, &schema.into(), about)
    }

    /// A header that must be sent.
    #[must_use]
    pub fn header(self, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        self.parameter("header", name, true, &schema.into(), about)
    }

    /// A header that may be sent.
    #[must_use]
    pub fn optional_header(self, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        self.parameter("header", name, false, &schema.into(), about)
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        required: bool,
        schema: &Value,
        about: &str,
    ) -> Self {
        self.parameters.push(json!({
            "name": name, "in": place, "required": required, "schema": schema, "description": about,
        }));
        self
    }

    /// Takes a body of this JSON, as [`crate::json`] reads it.
    #[must_use]
    pub fn takes<T: ToSchema>(self) -> Self {
        let (docs, schema) = self.named::<T>();
        let docs = docs.takes_as("application/json", schema);
        docs.problem(400, &["invalid_json", "invalid_members"])
    }

    /// Takes a body of this type, or of one more, as [`crate::body`] reads it.
    #[must_use]
    pub fn takes_as(mut self, kind: &str, schema: impl Into<Value>) -> Self {
        let body = self.body.get_or_insert_with(|| json!({ "required": true, "content": {} }));
        body["content"][kind] = json!({ "schema": schema.into() });
        let docs = self.problem(400, &["body"]).problem(408, &["body_timeout"]);
        docs.problem(413, &["too_large"])
    }

    /// Answers without a body, with this status.
    #[must_use]
    pub fn answers(mut self, status: u16, about: &'static str) -> Self {
        self.answers.entry(status).or_default().about = about;
        self
    }

    /// Answers with this JSON.
    #[must_use]
    pub fn answers_json<T: ToSchema>(self, status: u16, about: &'static str) -> Self {
        let (docs, schema) = self.named::<T>();
        docs.answers_as(status, "application/json", schema, about)
    }

    /// Answers with a body of this type.
    #[must_use]
    pub fn answers_as(
        self,
        status: u16,
        kind: &str,
        schema: impl Into<Value>,
        about: &'static str,
    ) -> Self {
        let mut docs = self.answers(status, about);
        let content = json!({ "schema": schema.into() });
        docs.answers.entry(status).or_default().content.insert(kind.to_owned(), content);
        docs
    }

    /// The answer of this status always has this header.
    #[must_use]
    pub fn sends(self, status: u16, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        self.sent(status, name, true, &schema.into(), about)
    }

    fn sent(
        mut self,
        status: u16,
        name: &str,
        required: bool,
        schema: &Value,
        about: &str,
    ) -> Self {
        let header = json!({ "required": required, "schema": schema, "description": about });
        self.answers.entry(status).or_default().headers.insert(name.to_owned(), header);
        self
    }

    /// An answer that nobody may keep.
    #[must_use]
    pub fn not_stored(self, status: u16) -> Self {
        self.sends(status, "Cache-Control", json!({ "const": "no-store" }), "Keep no copy.")
    }

    /// Problems of this status, by their codes.
    #[must_use]
    pub fn problem(mut self, status: u16, codes: &[&'static str]) -> Self {
        self.answers.entry(status).or_default().codes.extend(codes);
        if status == 429 || status == 503 {
            let seconds = json!({ "type": "integer", "minimum": 1 });
            return self.sent(status, "Retry-After", status == 429, &seconds, "Seconds to wait.");
        }
        self
    }

    /// Problems of this status with the members of `T` beside those of every problem.
    #[must_use]
    pub fn problem_with<T: ToSchema>(self, status: u16, codes: &[&'static str]) -> Self {
        let (mut docs, schema) = self.problem(status, codes).named::<T>();
        docs.answers.entry(status).or_default().members = Some(schema);
        docs
    }

    /// What asks the database may hear that it is away, or that it failed.
    #[must_use]
    pub fn asks_database(self) -> Self {
        self.problem(500, &["internal"]).problem(503, &["unavailable"])
    }

    /// As [`crate::cached`] answers: kept for a while, and 304 for who has it already.
    #[must_use]
    pub fn cached(self) -> Self {
        let tag = json!({ "type": "string" });
        let mut docs =
            self.optional_header("If-None-Match", tag.clone(), "The `ETag` of a copy at hand.");
        docs = docs.answers(304, "The copy at hand is this very document.");
        for status in [200, 304] {
            docs = docs
                .sends(status, "ETag", tag.clone(), "Changes when the document does.")
                .sends(status, "Cache-Control", tag.clone(), "For how long it may be kept.");
        }
        docs
    }

    /// Keeps the schema under its name, and gives the reference to it.
    fn named<T: ToSchema>(mut self) -> (Self, Value) {
        let mut all = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut all);
        for (name, schema) in all {
            self.schemas.insert(name, written(&schema));
        }
        (self, json!({ "$ref": format!("#/components/schemas/{}", T::name()) }))
    }

    fn tag_name(&self) -> &'static str {
        self.tag
    }
}

/// The schema of `T` in place of a reference to it, for parameters and for parts of other schemas.
pub fn schema_of<T: PartialSchema>() -> Value {
    written(&T::schema())
}

fn written(schema: &RefOr<Schema>) -> Value {
    // A schema is maps with texts for keys, which JSON can always write.
    serde_json::to_value(schema).unwrap_or_default()
}

#[cfg(test)]
mod tests;
