//! What the server answers, as an OpenAPI document.

use serde_json::{Value, json};
use tailrace_model::ApiScope;

/// OpenAPI 3.1 of everything that other systems call.
pub(super) fn document() -> Value {
    let mut paths = serde_json::Map::new();
    for scope in ApiScope::ALL {
        let path = format!("/v1/profiles/{{profile}}/{}", scope.name());
        paths.insert(path, json!({ "get": profile_part(scope) }));
    }
    let plain = |summary: &str| json!({ "get": { "summary": summary, "security": [], "responses": { "200": { "description": summary } } } });
    paths.insert("/health".to_owned(), plain("Whether the workspace is kept live"));
    paths.insert("/metrics".to_owned(), plain("Prometheus metrics"));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tailrace",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What is known of the people of a workspace, as of its last checkpoint.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic", "description": "The key is the user name." },
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": { "error": {
                        "type": "object",
                        "properties": { "code": { "type": "string" }, "message": { "type": "string" } },
                        "required": ["code", "message"],
                    } },
                    "required": ["error"],
                },
            },
        },
        "security": [{ "bearer": [] }, { "basic": [] }],
    })
}

fn profile_part(scope: ApiScope) -> Value {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    let (summary, item) = match scope {
        ApiScope::Traits => (
            "Traits of a profile: what identify events said last; with include=defined those that are defined, too",
            json!({ "name": text, "value": {}, "origin": text, "updated": time }),
        ),
        ApiScope::Events => (
            "Events of a profile, newest first",
            json!({ "message_id": text, "type": text, "event": text, "source": text, "timestamp": time, "properties": { "type": "object" } }),
        ),
        ApiScope::Audiences => (
            "Audiences that a profile is a member of; those in not_evaluated are not known yet",
            json!({ "audience": text, "since": time }),
        ),
        ApiScope::Identifiers => (
            "Identifiers of a profile, the most trusted kind first",
            json!({ "kind": text, "value": text, "first_seen": time }),
        ),
    };
    let query = |name: &str, schema: Value, about: &str| json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": about });
    let mut parameters = vec![
        json!({
            "name": "profile", "in": "path", "required": true, "schema": text,
            "description": "An identifier: kind, a colon and the value, such as user_id:u_000001",
        }),
        query(
            "limit",
            json!({ "type": "integer", "minimum": 1, "maximum": 1_000, "default": 100 }),
            "Entries of a page",
        ),
        query("cursor", text.clone(), "`next` of the page before"),
    ];
    if scope == ApiScope::Traits {
        parameters.push(query(
            "include",
            json!({ "type": "string", "enum": ["defined"] }),
            "Evaluates defined traits",
        ));
    }
    let mut properties = json!({
        "profile_id": { "type": "integer" },
        "data": { "type": "array", "items": { "type": "object", "properties": item } },
        "next": { "type": ["string", "null"], "description": "Absent when this is the last page" },
    });
    if scope == ApiScope::Audiences {
        properties["not_evaluated"] = json!({ "type": "array", "items": text });
    }
    let refused = |about: &str| json!({ "description": about, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } });
    json!({
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": summary, "content": { "application/json": { "schema": { "type": "object", "properties": properties } } } },
            "400": refused("The request says something that can't be"),
            "401": refused("No key, or one that is not known"),
            "403": refused(&format!("The key does not open {}", scope.name())),
            "404": refused("Nobody has this identifier"),
        },
    })
}
