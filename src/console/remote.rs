//! The endpoint's side of a remote console; `docs/console.md` describes the messages.

use super::answer::{Answer, to_json};
use super::complete::complete;
use super::files::OpenFiles;
use super::log;
use super::run::Ending;
use super::state::Console;
use crate::error::{Error, Result};
use crate::session::{self, Session, Topic, Visitor};
use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, mpsc};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_util::sync::CancellationToken;

/// Maximum number of commands that wait for the running one.
const MAX_QUEUED: usize = 256;
/// How long to wait for a client to accept a close frame and to answer it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A message from a client.
#[derive(Debug, Deserialize)]
struct CommandRequest {
    /// Returned with the answer.
    #[serde(default)]
    id: Value,
    /// Commands, as at the prompt.
    command: Option<String>,
    /// The beginning of a line to complete.
    complete: Option<String>,
    /// Whether to cancel the running command.
    #[serde(default)]
    cancel: bool,
}

/// Serves a console until its client disconnects or sends `quit`, or `stop` is cancelled.
pub async fn serve<S>(
    mut socket: S,
    root: Arc<Session>,
    session: Arc<Session>,
    visitor: Visitor,
    open: Arc<OpenFiles>,
    stop: CancellationToken,
) where
    S: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Unpin + Send,
{
    // Answers sent while a command is still running.
    let (say, mut said) = mpsc::unbounded_channel();
    let is_owner = visitor.is_owner;
    let console = Console::new(root, session.clone(), Box::new(move |answer| _ = say.send(answer)));
    let console = console.of(visitor, open);
    let topics = console.topics();
    let console = Arc::new(Mutex::new(console));
    let (mut events, mut lines) = (session.events(), log::follow());
    let mut queue: VecDeque<(Value, String)> = VecDeque::new();
    let mut close_frame = None;
    let mut running: Option<(Value, BoxFuture<'static, Result<Ending>>)> = None;
    loop {
        if running.is_none()
            && let Some((id, line)) = queue.pop_front()
        {
            let console = console.clone();
            running = Some((id, Box::pin(async move { console.lock().await.line(&line).await })));
        }
        let follows = |topic: Topic| topics.borrow().contains(&topic);
        let id = running.as_ref().map_or(Value::Null, |(id, _)| id.clone());
        let command: OptionFuture<_> = running.as_mut().map(|(_, command)| command).into();
        let message = tokio::select! {
            () = stop.cancelled() => break,
            Some(answer) = said.recv() => {
                let mut message = to_json(&Ok(answer));
                (message["id"], message["more"]) = (id, true.into());
                Some(message)
            }
            Some(ended) = command => {
                running = None;
                while let Ok(answer) = said.try_recv() {
                    let mut message = to_json(&Ok(answer));
                    (message["id"], message["more"]) = (id.clone(), true.into());
                    if socket.send(Message::text(message.to_string())).await.is_err() {
                        return;
                    }
                }
                if matches!(ended, Ok(Ending::Quit)) {
                    break;
                }
                Some(answer_message(&id, ended))
            }
            event = events.recv() => match event {
                Ok(event) if follows(event.topic)
                    && event.session.as_ref().is_none_or(|name| *name == session.name) =>
                {
                    Some(event.to_json())
                }
                Err(RecvError::Lagged(missed)) => Some(json!({"event": "missed", "count": missed})),
                _ => None,
            },
            line = lines.recv() => match line {
                Ok(line) if follows(Topic::Log) => Some(json!({"event": "log", "line": line})),
                _ => None,
            },
            message = socket.next(), if queue.len() < MAX_QUEUED => match message {
                Some(Ok(Message::Text(text))) => match serde_json::from_str::<CommandRequest>(&text) {
                    Ok(request) if request.cancel => match running.take() {
                        Some((id, _)) => {
                            queue.clear();
                            Some(answer_message(&id, Err(Error::Input("cancelled".into()))))
                        }
                        None => None,
                    },
                    Ok(CommandRequest { id, command: Some(line), .. }) => {
                        queue.push_back((id, line));
                        None
                    }
                    Ok(CommandRequest { id, complete: Some(line), .. }) => {
                        let (start, found) = complete(&session, &line, is_owner).await;
                        Some(json!({"id": id, "ok": true, "start": start, "candidates": found}))
                    }
                    Ok(CommandRequest { id, .. }) => Some(answer_message(&id, Err(invalid("it has no command")))),
                    Err(error) => Some(answer_message(&Value::Null, Err(invalid(&error.to_string())))),
                },
                Some(Ok(Message::Binary(_))) => {
                    let reason = "messages must be text".into();
                    close_frame = Some(CloseFrame { code: CloseCode::Unsupported, reason });
                    break;
                }
                Some(Err(error)) => {
                    close_frame = session::broken(&error);
                    break;
                }
                Some(Ok(Message::Close(_))) | None => break,
                Some(Ok(_)) => None,
            },
        };
        if let Some(message) = message
            && socket.send(Message::text(message.to_string())).await.is_err()
        {
            return;
        }
    }
    let closing = async {
        if let Some(frame) = close_frame {
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
        // Also sends the answer to the client's own close frame.
        let _ = socket.close().await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    // A client that does not answer the close frame is not waited for.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
}

fn answer_message(id: &Value, ended: Result<Ending>) -> Value {
    let result = ended.map(|ended| match ended {
        Ending::Done(answer) => answer,
        Ending::Quit => Answer::default(),
    });
    let mut message = to_json(&result);
    message["id"] = id.clone();
    message
}

fn invalid(reason: &str) -> Error {
    let example = r#"{"id": 1, "command": "go TP53"}"#;
    Error::Input(format!("a message must be one JSON object like {example}: {reason}"))
}
