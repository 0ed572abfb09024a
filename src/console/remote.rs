//! The endpoint's side of a remote console; `docs/console.md` describes the messages.

use super::answer::{Answer, to_json};
use super::complete::complete;
use super::files::AllowedFiles;
use super::log;
use super::run::Ending;
use super::state::Console;
use crate::error::{Error, Result};
use crate::session::{self, Kind, Limit, Session, Topic, Visitor};
use crate::stream::{Fault, Subscriptions};
use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{Mutex, mpsc};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_util::sync::CancellationToken;

/// Maximum number of commands that wait for the running one.
const MAX_QUEUED: usize = 256;
/// How long to wait for a client to accept a close frame and to answer it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The actions of a message that are no commands: their names, their members, and what they do.
pub(super) const ACTIONS: &[(&str, &str, &str)] = &[
    (
        "subscribe",
        "source or topic, startrec, numrec, region, columns, session",
        "sends the records of a stream",
    ),
    ("unsubscribe", "subscription", "ends a subscription by its number"),
    ("describe", "", "what can be asked for"),
];

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
    /// One of [`ACTIONS`].
    action: Option<String>,
    /// The members of an action.
    #[serde(flatten)]
    members: Map<String, Value>,
}

/// Serves a console until its client disconnects or sends `quit`, or `stop` is cancelled.
pub async fn serve<S>(
    mut socket: S,
    root: Arc<Session>,
    session: Arc<Session>,
    visitor: Visitor,
    open: Arc<AllowedFiles>,
    stop: CancellationToken,
) where
    S: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Unpin + Send,
{
    // Answers sent while a command is still running.
    let (say, mut said) = mpsc::unbounded_channel();
    let is_owner = visitor.is_owner;
    let subscriber = visitor.clone();
    let mut subscriptions = Subscriptions::default();
    let console = Console::new(root, session.clone(), Box::new(move |answer| _ = say.send(answer)));
    let console = console.of(visitor, open);
    let topics = console.topics();
    let console = Arc::new(Mutex::new(console));
    // Events are made only for those who listen.
    let (mut events, mut lines) = (None, log::follow());
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
        if topics.borrow().is_empty() {
            events = None;
        } else if events.is_none() {
            events = Some(session.events());
        }
        let event: OptionFuture<_> = events.as_mut().map(broadcast::Receiver::recv).into();
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
            event = subscriptions.next() => Some(event),
            Some(event) = event => match event {
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
                    Ok(CommandRequest { id, action: Some(action), members, .. }) => {
                        let done =
                            act(&action, &members, &session, &subscriber, &mut subscriptions);
                        Some(action_message(&id, done))
                    }
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
                    if matches!(error, WsError::Capacity(_)) {
                        session.metrics.hit(Limit::MessageSize);
                    }
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

/// Runs an action; returns the members of its answer.
fn act(
    action: &str,
    members: &Map<String, Value>,
    session: &Session,
    visitor: &Visitor,
    subscriptions: &mut Subscriptions,
) -> Result<Value, Fault> {
    if !ACTIONS.iter().any(|known| known.0 == action) {
        let known: Vec<_> = ACTIONS.iter().map(|known| known.0).collect();
        let text = format!("there is no action '{action}'; they are {}", known.join(", "));
        return Err(Fault { status: 404, text });
    }
    let permitted = visitor.may(Kind::Request, action);
    permitted.map_err(|error| Fault { status: 403, text: error.for_page() })?;
    match action {
        "subscribe" => {
            let subscription = session.subscribe(visitor, members, &[])?;
            let next = subscription.next_recno();
            Ok(json!({"subscription": subscriptions.add(subscription)?, "next": next}))
        }
        "unsubscribe" => {
            let number = members.get("subscription").and_then(Value::as_u64);
            let missing = || Fault::invalid("'subscription' is missing: the number to end");
            let number = number.ok_or_else(missing)?;
            subscriptions.remove(number).map(|()| json!({"subscription": number}))
        }
        _ => Ok(json!({"data": super::describe(session)})),
    }
}

fn action_message(id: &Value, done: Result<Value, Fault>) -> Value {
    let (mut message, status) = match done {
        Ok(members) => (members, 200),
        Err(Fault { status, text }) => (json!({"error": text}), status),
    };
    message["ok"] = (status == 200).into();
    message["status"] = status.into();
    message["id"] = id.clone();
    message
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
