//! Messages: the envelope of a request or an answer.

use super::Request;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A message from a page.
#[derive(Debug)]
pub enum Frame {
    /// A request, and its id, which the answer repeats unchanged.
    Request(Box<RawValue>, Request),
    /// An invalid request or message, with the reason. It is answered all the same, under its id, or
    /// null if it has none.
    Invalid(Box<RawValue>, String),
    /// The answer to a request of the endpoint, with its id.
    Answer(u64, PageAnswer),
    /// An answer to no request, with the reason. It is not answered.
    Unexpected(String),
}

/// A page's answer to an action.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PageAnswer {
    /// Whether it succeeded; pages of version 5 answer null for some actions that they did.
    #[serde(default)]
    pub success: Option<bool>,
    /// The reason for a failure. Some failures have none, some successes have one.
    #[serde(default, rename = "errorMessage")]
    pub message: Value,
    /// The result.
    #[serde(default)]
    pub value: Value,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, rename = "requestId")]
    id: Option<&'a RawValue>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OnlyAction {
    action: Option<String>,
}

/// Parses a message.
pub fn parse(text: &str) -> Frame {
    let envelope: Envelope<'_> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(error) => {
            let why = format!("this is not a message of the protocol: {error}");
            return Frame::Invalid(RawValue::NULL.to_owned(), why);
        }
    };
    let data = envelope.data.map_or("null", RawValue::get);
    if envelope.kind.as_deref() == Some("response") {
        return answer(envelope.id, data);
    }
    let Some(id) = envelope.id else {
        let why = "a request without requestId cannot be answered".to_owned();
        return Frame::Invalid(RawValue::NULL.to_owned(), why);
    };
    match serde_json::from_str(data) {
        Ok(request) => Frame::Request(id.to_owned(), request),
        Err(error) => Frame::Invalid(id.to_owned(), invalid_reason(data, &error)),
    }
}

/// Returns the frame of a message that is not read, with the reason.
pub fn unread(text: &str, why: String) -> Frame {
    match serde_json::from_str::<Envelope<'_>>(text) {
        Ok(envelope) if envelope.kind.as_deref() == Some("response") => Frame::Unexpected(why),
        Ok(Envelope { id: Some(id), .. }) => Frame::Invalid(id.to_owned(), why),
        _ => Frame::Invalid(RawValue::NULL.to_owned(), why),
    }
}

fn answer(id: Option<&RawValue>, data: &str) -> Frame {
    // Pages echo our number, or its string.
    let number = id.and_then(|id| id.get().trim_matches('"').parse().ok());
    match number {
        Some(number) => Frame::Answer(number, serde_json::from_str(data).unwrap_or_default()),
        None => Frame::Unexpected("an answer to no request".into()),
    }
}

fn invalid_reason(data: &str, error: &serde_json::Error) -> String {
    match serde_json::from_str::<OnlyAction>(data) {
        Ok(OnlyAction { action: Some(action) }) => {
            if super::REQUESTS.iter().any(|(name, ..)| *name == action) {
                format!("{action}: {error}")
            } else {
                format!("the action '{action}' is not known")
            }
        }
        _ => "a request needs data with an action".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_echoed_unchanged() {
        for id in ["7", "\"7\"", "0"] {
            let text = format!(
                r#"{{"requestId":{id},"type":"request","data":{{"action":"getSeqInfos","version":"4"}}}}"#
            );
            let Frame::Request(echoed, Request::GetSeqInfos { .. }) = parse(&text) else {
                panic!("{text}")
            };
            assert_eq!(echoed.get(), id);
        }
    }

    #[test]
    fn invalid_requests_are_answered() {
        let reason = |text: &str| match parse(text) {
            Frame::Invalid(_, why) => why,
            other => panic!("{other:?}"),
        };
        assert!(
            reason(r#"{"requestId":1,"data":{"action":"fly"}}"#).contains("'fly' is not known")
        );
        assert!(reason(r#"{"requestId":1,"data":null}"#).contains("needs data with an action"));
        assert!(reason(r#"{"requestId":1}"#).contains("needs data with an action"));
        assert!(reason(r#"{"data":{"action":"search"}}"#).contains("without requestId"));
        assert!(reason("{").contains("not a message"));
        assert!(reason("[]").contains("without requestId"));
        assert!(matches!(parse(r#"{"type":"response","requestId":"x"}"#), Frame::Unexpected(_)));
    }

    #[test]
    fn unusual_answers_are_read() {
        let answer = |data: &str| match parse(&format!(
            r#"{{"type":"response","requestId":"5","data":{data}}}"#
        )) {
            Frame::Answer(5, answer) => answer,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            answer(r#"{"success":true,"errorMessage":null,"value":{"id":"c"}}"#).success,
            Some(true)
        );
        assert_eq!(answer(r#"{"msg":"that msg"}"#), PageAnswer::default());
        assert_eq!(answer("null"), PageAnswer::default());
    }
}
