//! All routes as one OpenAPI document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::access::all_schemes;
use super::operation::{operation, template};
use crate::Route;

/// A listener of the gateway: its routes, and where they are.
#[derive(Debug)]
pub struct Listener<'a> {
    /// What is served there.
    pub table: &'a [Route],
    /// Its address, absolute or relative to the document.
    pub url: String,
    /// What it is for.
    pub about: &'static str,
}

/// The OpenAPI 3.1 document of these listeners. `info` is its Info Object. A path that several listeners have
/// is there once, with all their addresses; what is said of it must hold at each.
pub fn document(info: &Value, listeners: &[Listener<'_>]) -> Value {
    let mut schemas = Map::from_iter([("Problem".to_owned(), problem())]);
    let mut tags = BTreeMap::new();
    for route in listeners.iter().flat_map(|listener| listener.table) {
        let docs = route.documented();
        tags.insert(docs.tag_name(), json!({ "name": docs.tag_name() }));
        schemas.extend(docs.schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": listeners.iter().map(server).collect::<Vec<_>>(),
        "tags": tags.into_values().collect::<Vec<_>>(),
        "paths": paths(listeners),
        "components": {
            "schemas": schemas,
            "headers": { "RequestId": request_id() },
            "securitySchemes": all_schemes(),
        },
    })
}

/// The paths alone.
pub fn paths(listeners: &[Listener<'_>]) -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for listener in listeners {
        let mut own: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        for route in listener.table {
            let docs = route.documented();
            let operations = own.entry(template(&route.path)).or_default();
            for method in route.methods() {
                let name = method.as_str().to_lowercase();
                // The route for any method takes what others leave.
                let any = route.method == Route::any_method();
                if !(any && operations.contains_key(&name)) {
                    operations.insert(name, operation(route, &method, &docs));
                }
            }
        }
        for (path, operations) in own {
            let item = paths.entry(path).or_default();
            item.extend(operations);
            let servers = item.entry("servers").or_insert_with(|| json!([]));
            servers.as_array_mut().into_iter().for_each(|all| all.push(server(listener)));
        }
    }
    json!(paths)
}

fn server(listener: &Listener<'_>) -> Value {
    json!({ "url": listener.url, "description": listener.about })
}

/// What [`crate::Problem`] writes.
fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Why something was not done (RFC 9457).",
        "required": ["title", "status", "detail", "code"],
        "properties": {
            "title": { "type": "string", "description": "The status in words." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "For people; it may change." },
            "code": { "type": "string", "description": "For programs: it stays what it is." },
        },
    })
}

fn request_id() -> Value {
    json!({
        "required": true,
        "schema": { "type": "string", "pattern": "^[0-9a-f]{16}$" },
        "description": "Names the request in the gateway's log.",
    })
}
