//! Prints the subscribed events.

use super::log;
use crate::session::{Session, Topic};
use std::sync::Arc;
use tokio::sync::watch;

/// Prints the events of `topics` above the line that is being typed.
pub async fn follow(topics: watch::Receiver<Vec<Topic>>, session: Arc<Session>) {
    let mut events = session.events();
    while let Ok(event) = events.recv().await {
        let of_session = event.session.as_ref().is_none_or(|name| *name == session.name);
        if of_session && topics.borrow().contains(&event.topic) {
            log::print(format!("{}\n", event.to_json()));
        }
    }
}
