//! A page's requests: each is answered by a separate task, deferred, or refused.

use super::{Actor, Answer, Charge, Outgoing};
use crate::catalog::Resolution;
use crate::protocol::{Reply, Request};
use crate::provider::Ticket;
use crate::session::Stage;
use crate::stream::Fault;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::task;
use tokio::time::Instant;

/// A request that is being answered.
pub(super) struct Due {
    task: task::Id,
    id: Box<RawValue>,
    group: Option<String>,
    ticket: Option<Ticket>,
    reply: Option<Answer>,
    /// Whether the page needs the answer to start.
    is_first: bool,
}

/// A request that is not answered before the page's view is known.
pub(super) struct Deferred {
    id: Box<RawValue>,
    request: Request,
    group: String,
}

impl Due {
    /// Returns the charge of its answer, which waits for an earlier one.
    pub(super) fn charge(&self) -> Option<&Charge> {
        self.reply.as_ref()?.charge.as_ref()
    }
}

impl Actor {
    pub(super) fn request(&mut self, id: Box<RawValue>, request: Request) {
        if let Err(error) = self.session.permit(&self.page.info.visitor, &request) {
            let reply = self.session.refuse(&id, &request, &error);
            self.outbox.push_back(Outgoing::Reply(reply.into(), None));
            return;
        }
        if let Request::Subscribe(_) | Request::Unsubscribe { .. } = &request {
            let reply = self.subscribe(&request).to_json(&id);
            self.outbox.push_back(Outgoing::Reply(reply.into(), None));
            return;
        }
        let is_first = self.note_request(&request);
        if let Request::GetCombined(range) = &request {
            self.fitting.requested(range.region(), Instant::now());
        }
        let (session, page) = (self.session.clone(), self.page.clone());
        let provider = &session.provider;
        let target = provider.target(&request);
        let group = target.as_ref().map(|target| target.group.clone());
        let ticket = target.map(|target| {
            let listing = provider.catalog.listing();
            self.view.request(&target.group, &target.key, &target.piece, &*listing, self.now())
        });
        if let (Some(_), Some(group)) = (ticket.as_ref().filter(|t| t.is_deferred()), &group) {
            tracing::debug!(group, "request deferred: the page would get too many rows");
            self.deferred.push(Deferred { id, request, group: group.clone() });
            return;
        }
        let resolution = ticket.as_ref().map(|ticket| Resolution::At(ticket.level));
        let placeholder = ticket.as_ref().and_then(|ticket| ticket.placeholder.clone());
        let echoed = id.clone();
        let done = match &request {
            Request::ReportChange { change: Some(change) } => session.apply_report(&page, change),
            _ => Ok(()),
        };
        let task = self.answers.spawn(async move {
            let at = placeholder.as_ref();
            match done {
                Ok(()) => session.reply(Some(&page), &echoed, &request, resolution, at).await,
                Err(error) => session.refuse(&echoed, &request, &error).into(),
            }
        });
        self.due.push_back(Due { task: task.id(), id, group, ticket, reply: None, is_first });
    }

    /// Starts or ends a subscription.
    fn subscribe(&mut self, request: &Request) -> Reply {
        let done = match request {
            Request::Subscribe(members) => {
                let visitor = &self.page.info.visitor;
                self.session.subscribe(visitor, members, &["version"]).and_then(|subscription| {
                    let next = subscription.next_recno();
                    let number = self.subscriptions.add(subscription)?;
                    Ok(json!({"success": true, "subscription": number, "next": next}))
                })
            }
            Request::Unsubscribe { subscription: Some(number) } => {
                let done = self.subscriptions.remove(*number);
                done.map(|()| json!({"success": true, "subscription": number}))
            }
            _ => Err(Fault::invalid("'subscription' is missing: the number to end")),
        };
        Reply::Told(done.unwrap_or_else(|Fault { status, text }| {
            json!({"success": false, "errorMessage": text, "status": status})
        }))
    }

    /// Records what a request reveals about the page; returns whether the page needs the answer to
    /// start.
    fn note_request(&mut self, request: &Request) -> bool {
        self.page.known().last_request = Instant::now();
        match request {
            Request::GetMeasurements { version } | Request::GetSeqInfos { version } => {
                self.page.known().version.clone_from(version);
                self.page.reach(Stage::Starting);
                true
            }
            // A page's connection for workspaces registers nothing.
            Request::RegisterChartTypes { data, page } if data.is_object() || data.is_array() => {
                self.page.known().chart_types.clone_from(data);
                self.page.known().state.is_built_in = page.as_deref() == Some("epivizrs");
                self.registered = true;
                false
            }
            _ => false,
        }
    }

    /// Records an answer, and sends all answers that no earlier one of the same group precedes.
    pub(super) fn answered(&mut self, answer: Result<(task::Id, Answer), task::JoinError>) {
        let task = answer.as_ref().map_or_else(task::JoinError::id, |(task, _)| *task);
        let Some(due) = self.due.iter_mut().find(|due| due.task == task) else { return };
        due.reply = Some(match answer {
            Ok((_, answer)) => answer,
            Err(error) => {
                tracing::error!("a request could not be answered: {error}");
                Reply::Refused("internal error".into()).to_json(&due.id).into()
            }
        });
        let mut unanswered: Vec<String> = Vec::new();
        for mut due in std::mem::take(&mut self.due) {
            let blocked = due.group.as_ref().is_some_and(|group| unanswered.contains(group));
            match due.reply.take() {
                Some(answer) if !blocked => {
                    self.outbox.push_back(Outgoing::Reply(answer, due.ticket));
                }
                reply => {
                    unanswered.extend(due.group.clone());
                    self.due.push_back(Due { reply, ..due });
                }
            }
        }
        // Actions from now on are sent after the answers that the page needs to start.
        let has_started = !self.due.iter().any(|due| due.is_first);
        if self.registered && has_started && self.page.stage() == Stage::Starting {
            self.page.reach(Stage::Ready);
        }
    }

    /// Answers the deferred requests of a group with no rows.
    pub(super) fn dismiss(&mut self, group: &str) {
        for deferred in self.deferred.extract_if(.., |deferred| deferred.group == group) {
            let reply = self.session.provider.nothing(&deferred.request).to_json(&deferred.id);
            self.outbox.push_back(Outgoing::Reply(reply.into(), None));
        }
    }
}
