//! The first message of a WebSocket that sends its token in a message instead of in its address,
//! which proxies may log: `{"type":"hello","token":"..."}` after connecting to `/ws?hello`.

use super::keys::Keys;
use crate::session::Visitor;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

#[derive(Deserialize)]
struct Hello {
    #[serde(rename = "type")]
    kind: String,
    token: String,
}

/// Waits for the first message and returns the visitor; without a valid token, closes the socket
/// (1008) and returns `None`.
pub(super) async fn hello<S>(socket: &mut S, keys: &Keys, patience: Duration) -> Option<Visitor>
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    let first = tokio::time::timeout(patience, first(socket)).await.ok().flatten();
    let hello = first.and_then(|text| serde_json::from_str::<Hello>(&text).ok());
    let hello = hello.filter(|hello| hello.kind == "hello");
    match hello.and_then(|hello| keys.of_token(&hello.token)) {
        Some(visitor) => {
            let welcome = json!({
                "type": "hello", "name": visitor.name, "role": visitor.role.to_string(),
            });
            socket.send(Message::text(welcome.to_string())).await.ok()?;
            Some(visitor)
        }
        None => {
            let reason = "the first message must be a hello with a valid token".into();
            let goodbye = CloseFrame { code: CloseCode::Policy, reason };
            // Waits only for a limited time until the client answers the close frame.
            let _ = tokio::time::timeout(patience, async {
                let _ = socket.send(Message::Close(Some(goodbye))).await;
                while let Some(Ok(_)) = socket.next().await {}
            })
            .await;
            None
        }
    }
}

async fn first<S>(socket: &mut S) -> Option<String>
where
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return Some(text.to_string()),
            Message::Ping(_) | Message::Pong(_) => {}
            _ => return None,
        }
    }
}
