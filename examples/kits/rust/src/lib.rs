// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two tools in Rust: one greets, one counts its calls in the key-value store of the capsule.
use extism_pdk::*;
use serde::Deserialize;
use serde_json::json;

// Functions of the host, as docs/host-abi.md lists them.
#[host_fn]
extern "ExtismHost" {
    fn astrid_kv_get(key: String) -> Vec<u8>;
    fn astrid_kv_set(key: String, value: Vec<u8>);
}

#[derive(Deserialize)]
struct Request {
    name: String,
    arguments: Vec<u8>, // JSON text
}

#[derive(Deserialize)]
struct Person {
    name: String,
}

#[plugin_fn]
pub fn astrid_tool_call(Json(request): Json<Request>) -> FnResult<Json<serde_json::Value>> {
    let answer = match request.name.as_str() {
        "hello" => hello(serde_json::from_slice(&request.arguments)?),
        "count" => count()?,
        other => return Err(Error::msg(format!("unknown tool: {other}")).into()),
    };
    Ok(Json(answer))
}

fn hello(person: Person) -> serde_json::Value {
    json!({ "greeting": format!("Hello, {}!", person.name) })
}

fn count() -> Result<serde_json::Value, Error> {
    let stored = unsafe { astrid_kv_get("count".into())? }; // nothing at the first call
    let count = if stored.is_empty() { 1 } else { serde_json::from_slice::<u64>(&stored)? + 1 };
    unsafe { astrid_kv_set("count".into(), serde_json::to_vec(&count)?)? };
    Ok(json!({ "count": count }))
}
