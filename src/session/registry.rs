//! Sessions by name, and their configuration.

use super::kicked::Kicked;
use super::redraws::Redraws;
use super::{Audit, Event, Metrics, Page, PageLimits, ReplyBudget, Session, State, Topic};
use crate::error::{Error, Result};
use crate::provider::Provider;
use crate::store::Store;
use crate::stream::Streams;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// Maximum number of sessions of one endpoint, since each path creates one.
const MAX_SESSIONS: usize = 1000;
/// How many events a slow subscriber may lag behind.
const MAX_LAG: usize = 1024;
/// The delay between a change for which no caller waits, and saving it.
const SAVE_DELAY: Duration = Duration::from_secs(1);

/// The configuration that all sessions of an endpoint share.
#[derive(Debug)]
pub struct SessionConfig {
    /// The store for workspaces and the state of sessions, if they are saved.
    pub store: Option<Store>,
    /// A key for the served data, by which the store separates sessions.
    pub data: String,
    /// The time limit for a page to answer.
    pub timeout: Duration,
    /// The address at which users open a page.
    pub page_address: Option<String>,
    /// The audit file.
    pub audit: Option<Audit>,
    /// Limits on each page.
    pub limits: PageLimits,
    /// The memory of answers.
    pub replies: ReplyBudget,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) streams: Streams,
    pub(super) redraws: Redraws,
    pub(super) kicked: Kicked,
    pub(super) metrics: Arc<Metrics>,
}

impl SessionConfig {
    /// Creates a configuration; sessions are saved in `store` under the key `data`.
    pub fn new(store: Option<Store>, data: String, timeout: Duration) -> Self {
        SessionConfig {
            store,
            data,
            timeout,
            page_address: None,
            audit: None,
            limits: PageLimits::default(),
            replies: ReplyBudget::default(),
            events: broadcast::Sender::new(MAX_LAG),
            redraws: Redraws::default(),
            kicked: Kicked::default(),
            streams: Streams::new(Topic::ALL.iter().map(|(_, word, _)| *word)),
            metrics: Arc::default(),
        }
    }

    /// Sets the address at which users open a page, for messages.
    #[must_use]
    pub fn with_page_address(self, address: String) -> Self {
        SessionConfig { page_address: Some(address), ..self }
    }

    /// Sets the audit file.
    #[must_use]
    pub fn with_audit(self, audit: Option<Audit>) -> Self {
        SessionConfig { audit, ..self }
    }

    /// Sets the limits on each page, and the memory of all answers.
    #[must_use]
    pub fn with_limits(self, limits: PageLimits, replies: ReplyBudget) -> Self {
        SessionConfig { limits, replies, ..self }
    }
}

impl Session {
    /// Returns the message that no page is connected.
    pub fn no_page(&self) -> String {
        match &self.config.page_address {
            Some(address) => format!("no page is connected; open {address}"),
            None => "no page is connected; open the EpiViz address".to_owned(),
        }
    }

    /// Restores the unnamed session, and the named ones that it contains, from the store.
    ///
    /// # Errors
    /// [`Error::Data`] if the store cannot be read.
    pub fn restored(provider: Provider, config: SessionConfig) -> Result<Arc<Self>> {
        let (provider, config) = (Arc::new(provider), Arc::new(config));
        let saved = match &config.store {
            Some(store) => store.sessions(&config.data)?,
            None => Vec::new(),
        };
        let read = |(name, json): (String, String)| {
            let state = serde_json::from_str(&json).unwrap_or_else(|error| {
                tracing::warn!(
                    "the saved session '{name}' cannot be read and starts empty: {error}"
                );
                State::default()
            });
            (name, state)
        };
        let mut states: BTreeMap<String, State> = saved.into_iter().map(read).collect();
        let unnamed = states.remove("").unwrap_or_default();
        let named = states.into_iter().map(|(name, state)| {
            (name.clone(), Session::with(&name, provider.clone(), config.clone(), state))
        });
        let named = named.collect();
        let session = Session::with("", provider.clone(), config.clone(), unnamed);
        *session.named.lock().unwrap_or_else(PoisonError::into_inner) = named;
        Ok(session)
    }

    /// Returns the session with this name, and creates it if necessary; for the unnamed session only.
    ///
    /// # Errors
    /// [`Error::Input`] for an invalid name, or if there are too many sessions.
    pub fn named(&self, name: &str) -> Result<Arc<Session>> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message = "the name of a session has at most 64 letters, digits, '-', '_' and '.'";
            return Err(Error::Input(message.into()));
        }
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() >= MAX_SESSIONS && !named.contains_key(name) {
            return Err(Error::Input(format!("there are already {MAX_SESSIONS} sessions")));
        }
        let new =
            || Session::with(name, self.provider.clone(), self.config.clone(), State::default());
        Ok(named.entry(name.to_owned()).or_insert_with(new).clone())
    }

    /// Returns this session and all sessions that it contains.
    pub fn all(self: &Arc<Self>) -> Vec<Arc<Session>> {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let own = std::iter::once(self).chain(named.values());
        own.flat_map(|session| std::iter::once(session.clone()).chain(session.copies())).collect()
    }

    /// Creates a copy of this session for a visitor with the role `view`: its changes are not visible
    /// here, and are lost when the visitor leaves.
    pub fn copy(&self) -> Arc<Session> {
        let (provider, config) = (self.provider.clone(), self.config.clone());
        let mut copy = Session::with(&self.name, provider, config, self.state());
        if let Some(fresh) = Arc::get_mut(&mut copy) {
            fresh.is_copy = true;
        }
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.retain(|copy| copy.strong_count() > 0);
        copies.push(Arc::downgrade(&copy));
        copy
    }

    /// Returns the copies of this session that are in use.
    pub(super) fn copies(&self) -> Vec<Arc<Session>> {
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.iter().filter_map(std::sync::Weak::upgrade).collect()
    }

    /// Returns the pages of this session and of its copies, in the order of their connection.
    pub fn all_pages(&self) -> Vec<Page> {
        let mut pages = self.pages();
        pages.extend(self.copies().iter().flat_map(|copy| copy.pages()));
        pages.sort_by_key(Page::id);
        pages
    }

    /// Saves the state in the store, if there is one.
    pub async fn save(&self) {
        if self.is_copy {
            return;
        }
        let (config, live, name) = (self.config.clone(), self.live.clone(), self.name.clone());
        let saved = tokio::task::spawn_blocking(move || {
            let Some(store) = &config.store else { return Ok(()) };
            store.save_session(&name, &config.data, || {
                let live = live.lock().unwrap_or_else(PoisonError::into_inner);
                serde_json::to_string(&live.state).unwrap_or_default()
            })
        });
        match saved.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the session is not saved: {error}"),
            Err(error) => tracing::error!("the session is not saved: {error}"),
        }
    }

    /// Saves the state soon, so that frequent changes are not saved each time.
    pub(super) fn save_soon(self: &Arc<Self>) {
        if self.is_copy
            || self.config.store.is_none()
            || self.save_is_due.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let session = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SAVE_DELAY).await;
            session.save_is_due.store(false, Ordering::Release);
            session.save().await;
        });
    }
}
