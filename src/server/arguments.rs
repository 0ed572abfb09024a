//! Parses requests in the form of WebServerDataProvider: arguments in an address or a form.

use serde_json::{Map, Value, json};

/// Maximum nesting depth of lists and objects; no request needs more.
const MAX_DEPTH: usize = 3;

/// Converts arguments such as `requestId=1&action=getRows&metadata[]=gene` to the message that the
/// socket would receive.
///
/// # Errors
/// The reason why the arguments are invalid.
pub(super) fn message(encoded: &[u8]) -> Result<String, String> {
    let mut data = Value::Object(Map::new());
    for (key, value) in form_urlencoded::parse(encoded) {
        let path = path(&key)?;
        put(&mut data, &path, argument(path[0], &value)?);
    }
    let id = take_id(&mut data);
    restore_zero(&mut data);
    Ok(envelope(&id, &data))
}

/// Reads the message in a JSON body: as on the socket, or only its data together with `requestId`.
///
/// # Errors
/// The reason why the body is invalid.
pub(super) fn message_of_json(body: &[u8]) -> Result<String, String> {
    let mut data: Value = serde_json::from_slice(body)
        .map_err(|error| format!("the body is not valid JSON: {error}"))?;
    let id = take_id(&mut data);
    match data.get("action") {
        Some(_) => Ok(envelope(&id, &data)),
        None => Ok(envelope(&id, &data["data"])),
    }
}

fn envelope(id: &Value, data: &Value) -> String {
    json!({ "type": "request", "requestId": id, "data": data }).to_string()
}

/// Removes and returns the id; 0 if there is none.
fn take_id(data: &mut Value) -> Value {
    let id = data.as_object_mut().and_then(|data| data.remove("requestId"));
    match id {
        None | Some(Value::Null) => json!(0),
        Some(Value::String(text)) => match text.parse::<i64>() {
            Ok(number) => json!(number),
            Err(_) => json!(text),
        },
        Some(other) => other,
    }
}

/// EpiViz writes zero as an empty string (`value || ''`), so an empty start with an end means 0.
fn restore_zero(data: &mut Value) {
    let is_empty = |data: &Value, key: &str| data[key].as_str() == Some("");
    let has_end = data["end"].is_string() && !is_empty(data, "end");
    if has_end && is_empty(data, "start") {
        data["start"] = json!(0);
    }
}

/// Parses the value of an argument. Some arguments contain JSON.
fn argument(name: &str, text: &str) -> Result<Value, String> {
    let is_json = ["measurements", "data", "settings", "colorMap"].contains(&name)
        && text.starts_with(['{', '[']);
    if !is_json {
        return Ok(text.into());
    }
    serde_json::from_str(text).map_err(|_| {
        if text.starts_with("[object") {
            // WebServerDataProvider sends this for getCombined: see docs/http.md.
            "the page did not serialize its list of measurements; pages without a cache must use \
             the WebSocket"
                .into()
        } else {
            format!("'{name}' is not valid JSON")
        }
    })
}

/// Splits `metadata[]` into `metadata` and an empty name, `measurements[genes][]` into three names.
fn path(key: &str) -> Result<Vec<&str>, String> {
    let (name, rest) = match key.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']')),
        None => return Ok(vec![key]),
    };
    let rest = rest.ok_or_else(|| format!("'{key}' lacks a closing bracket"))?;
    let path: Vec<_> = std::iter::once(name).chain(rest.split("][")).collect();
    if path.len() > MAX_DEPTH { Err(format!("'{key}' is nested too deeply")) } else { Ok(path) }
}

/// Sets a value at its path; an empty name appends to a list.
fn put(slot: &mut Value, path: &[&str], value: Value) {
    match path {
        [] => *slot = value,
        ["", ..] => match slot {
            Value::Array(list) => list.push(value),
            other => *other = json!([value]),
        },
        [name, rest @ ..] => {
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            put(&mut slot[*name], rest, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Value {
        serde_json::from_str(&message(query.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn brackets_denote_lists_and_objects() {
        let message = read(
            "requestId=7&version=4&action=getRows&datasource=my%20genes&start=1&end=9\
             &metadata[]=gene&metadata%5B%5D=strand&m[a][]=x&m[a][]=y&m[b][]=z",
        );
        assert_eq!(
            message,
            json!({"type": "request", "requestId": 7, "data": {
                "version": "4", "action": "getRows", "datasource": "my genes",
                "start": "1", "end": "9", "metadata": ["gene", "strand"],
                "m": {"a": ["x", "y"], "b": ["z"]},
            }})
        );
    }

    #[test]
    fn arguments_may_contain_json() {
        let message = read("action=getCombined&measurements=%7B%22d%22:[%22a%22]%7D");
        assert_eq!(message["data"]["measurements"], json!({"d": ["a"]}));
        assert_eq!(message["requestId"], 0);
        assert_eq!(read("requestId=x-1&action=search")["requestId"], "x-1");
    }

    #[test]
    fn an_empty_start_means_zero() {
        assert_eq!(read("start=&end=100")["data"]["start"], 0);
        assert_eq!(read("start=&end=")["data"]["start"], "");
    }

    #[test]
    fn invalid_arguments_are_errors() {
        let why = |query: &str| message(query.as_bytes()).unwrap_err();
        assert!(why("measurements=[object%20Object]").contains("WebSocket"));
        assert!(why("measurements={").contains("'measurements' is not valid JSON"));
        assert!(why("a[b=1").contains("lacks a closing bracket"));
        assert!(why(&format!("a{}=1", "[b]".repeat(9))).contains("nested too deeply"));
        assert!(message_of_json(b"{").unwrap_err().contains("not valid JSON"));
    }

    #[test]
    fn json_bodies_are_messages_or_their_data() {
        let of = |body: &str| -> Value {
            serde_json::from_str(&message_of_json(body.as_bytes()).unwrap()).unwrap()
        };
        let whole = r#"{"requestId":3,"type":"request","data":{"action":"search","q":"a"}}"#;
        let flat = r#"{"requestId":3,"action":"search","q":"a"}"#;
        assert_eq!(of(whole), of(flat));
        assert_eq!(of("[]")["data"], Value::Null);
    }
}
