//! The subscriptions of one connection.

use super::{Fault, Subscription};
use serde_json::Value;

/// Maximum number of subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 100;

/// The subscriptions of one connection, which are independent of each other.
#[derive(Debug, Default)]
pub struct Subscriptions {
    last: u64,
    all: Vec<Subscription>,
    /// The one whose turn it is, so that a busy one does not keep the others waiting.
    turn: usize,
}

impl Subscriptions {
    /// Adds a subscription; returns its number.
    ///
    /// # Errors
    /// [`Fault`] if there are too many.
    pub fn add(&mut self, subscription: Subscription) -> Result<u64, Fault> {
        if self.all.len() >= MAX_SUBSCRIPTIONS {
            let text = format!("a connection has at most {MAX_SUBSCRIPTIONS} subscriptions");
            return Err(Fault { status: 429, text });
        }
        self.last += 1;
        self.all.push(subscription.numbered(self.last));
        Ok(self.last)
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// [`Fault`] if there is none of this number.
    pub fn remove(&mut self, number: u64) -> Result<(), Fault> {
        let before = self.all.len();
        self.all.retain(|subscription| subscription.number() != number);
        if self.all.len() < before {
            return Ok(());
        }
        Err(Fault { status: 404, text: format!("there is no subscription {number}") })
    }

    /// Waits for the next event. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Value {
        loop {
            for _ in 0..self.all.len() {
                self.turn = (self.turn + 1) % self.all.len();
                let subscription = &mut self.all[self.turn];
                if let Some(event) = subscription.next_event() {
                    if subscription.is_done() {
                        self.all.remove(self.turn);
                    }
                    return event;
                }
            }
            if self.all.is_empty() {
                std::future::pending::<()>().await;
            }
            let changes = self.all.iter_mut().map(|subscription| Box::pin(subscription.changed()));
            futures_util::future::select_all(changes).await;
        }
    }
}
