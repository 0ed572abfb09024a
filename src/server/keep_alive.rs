//! A WebSocket with pings and timeouts.

use futures_util::{Sink, Stream};
use std::io::{Error as IoError, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A client is gone after this many unanswered pings.
const MAX_UNANSWERED: u32 = 2;

/// A socket that pings a client that has been idle for some time, and fails if the client does not
/// answer, or does not accept messages for too long.
pub(super) struct KeepAlive<S> {
    socket: S,
    interval: Duration,
    /// When to ping next.
    next: Pin<Box<Sleep>>,
    unanswered: u32,
    /// When a blocked write fails; `None` while no write is blocked.
    blocked: Option<Pin<Box<Sleep>>>,
}

impl<S> KeepAlive<S> {
    pub(super) fn new(socket: S, interval: Duration) -> Self {
        let next = Box::pin(sleep(interval));
        KeepAlive { socket, interval, next, unanswered: 0, blocked: None }
    }

    /// Returns the result of a write; an error if it has been blocked for too long.
    fn written(
        &mut self,
        written: Poll<Result<(), Error>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if written.is_ready() {
            self.blocked = None;
            return written;
        }
        let timeout = self.interval * (MAX_UNANSWERED + 1);
        let blocked = self.blocked.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(blocked.as_mut().poll(context));
        Poll::Ready(Err(gone("the client does not accept messages")))
    }
}

fn gone(why: &str) -> Error {
    Error::Io(IoError::new(ErrorKind::TimedOut, why))
}

impl<S> Stream for KeepAlive<S>
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Poll::Ready(message) = Pin::new(&mut this.socket).poll_next(context) {
            this.unanswered = 0;
            this.next.as_mut().reset(Instant::now() + this.interval);
            return Poll::Ready(message);
        }
        loop {
            ready!(this.next.as_mut().poll(context));
            if this.unanswered >= MAX_UNANSWERED {
                return Poll::Ready(Some(Err(gone("the client does not answer"))));
            }
            this.unanswered += 1;
            this.next.as_mut().reset(Instant::now() + this.interval);
            // While a write is blocked, a ping would wait behind it, and the writer would no longer
            // be woken, since the socket wakes only one task.
            if this.blocked.is_none() {
                let mut socket = Pin::new(&mut this.socket);
                if let Poll::Ready(Ok(())) = socket.as_mut().poll_ready(context) {
                    socket.as_mut().start_send(Message::Ping(Default::default()))?;
                    let _ = socket.poll_flush(context)?;
                }
            }
        }
    }
}

impl<S: Sink<Message, Error = Error> + Unpin> Sink<Message> for KeepAlive<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let ready = Pin::new(&mut self.socket).poll_ready(context);
        self.written(ready, context)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Pin::new(&mut self.socket).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        self.written(flushed, context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_close(context)
    }
}
