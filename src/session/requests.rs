//! Requests of pages: permission, the answer, and its place in the log and the counts.

use super::{Charge, Limit, Page, PageLimits, ReplyBudget, Role, Session, Visitor, by_hand, rules};
use crate::catalog::Resolution;
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::protocol::{Reply, Request, depth};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Answers of at most so many bytes are not charged.
const SMALL: usize = 4096;

/// The message that answers a request, and what it takes of the memory of answers.
#[derive(Debug)]
pub struct Answer {
    /// The message.
    pub json: String,
    /// Its charge, to be dropped when the message has been sent; none for small ones.
    pub charge: Option<Charge>,
}

impl From<String> for Answer {
    fn from(json: String) -> Self {
        Answer { json, charge: None }
    }
}

impl Session {
    /// Answers a request with the whole message. `resolution` is as in [`crate::provider::Provider::answer`].
    pub async fn reply_to(
        self: &Arc<Self>,
        id: &RawValue,
        request: &Request,
        resolution: Option<Resolution>,
    ) -> Answer {
        self.reply(None, id, request, resolution, None).await
    }

    /// As [`Session::reply_to`], for a page.
    pub(super) async fn reply(
        self: &Arc<Self>,
        page: Option<&Page>,
        id: &RawValue,
        request: &Request,
        resolution: Option<Resolution>,
        placeholder: Option<&Region>,
    ) -> Answer {
        let started = Instant::now();
        let about = self.provider.about_bytes(request, resolution);
        let mut charge = None;
        if about > SMALL {
            charge = self.config.replies.charge(about).await;
            if charge.is_none() {
                return self.no_memory(id, request, about).into();
            }
        }
        let reply = self.answer(page, request, resolution, placeholder).await;
        let json = reply.to_json(id);
        let (action, took) = (request.name(), started.elapsed());
        let refused = matches!(reply, Reply::Refused(_));
        self.metrics.record(action, refused, json.len(), took);
        tracing::debug!(action, bytes = json.len(), ?took, "answered");
        if let Some(charge) = &mut charge {
            charge.settle(json.len());
        }
        Answer { json, charge }
    }

    /// Returns the answer to a request for which there is no memory: rows are answered with none,
    /// since a page never repeats a request that failed.
    fn no_memory(&self, id: &RawValue, request: &Request, about: usize) -> String {
        self.metrics.hit(Limit::ReplyMemory);
        let name = request.name();
        tracing::warn!(
            "{name} is not answered: there is no room for about {about} bytes beside the answers \
             that are being sent (--max-reply-memory)"
        );
        let json = self.provider.nothing(request).to_json(id);
        self.metrics.record(name, true, json.len(), Duration::ZERO);
        json
    }

    /// Checks the depth of the JSON in a message.
    ///
    /// # Errors
    /// The reason why it is not read.
    pub fn check_depth(&self, text: &str) -> Result<(), String> {
        let most = self.config.limits.depth;
        if depth(text) <= most {
            return Ok(());
        }
        self.metrics.hit(Limit::MessageDepth);
        Err(format!("the JSON of a message may be {most} levels deep (--max-depth)"))
    }

    /// Disconnects a page, and refuses those of its browser for so long.
    pub async fn kick(&self, page: &Page, time: Duration) {
        if !time.is_zero() {
            self.config.kicked.add(&page.info.visitor, time, Instant::now());
        }
        page.disconnect().await;
    }

    /// Returns the limits on each page.
    pub fn limits(&self) -> PageLimits {
        self.config.limits
    }

    /// Returns the memory of answers.
    pub fn replies(&self) -> &ReplyBudget {
        &self.config.replies
    }

    /// Returns the answer to a request that failed.
    pub(super) fn refuse(&self, id: &RawValue, request: &Request, error: &Error) -> String {
        let json = Reply::Refused(error.for_page()).to_json(id);
        self.metrics.record(request.name(), true, json.len(), Duration::ZERO);
        json
    }

    /// Checks that a visitor may send a request, and logs it if it changes something.
    ///
    /// # Errors
    /// [`Error::Input`] that names the role that is needed.
    pub fn permit(&self, visitor: &Visitor, request: &Request) -> Result<()> {
        let permitted = visitor.may_ask(request);
        // Changes to a copy concern nobody else.
        if permitted.is_err() || (rules::changes(request) && visitor.role > Role::View) {
            self.audit(visitor, request.name(), permitted.as_ref().err());
        }
        permitted
    }

    /// Writes an action or a refusal to the audit file, if there is one.
    pub fn audit(&self, visitor: &Visitor, action: &str, refused: Option<&Error>) {
        if let Some(audit) = &self.config.audit {
            audit.record(visitor, action, refused.map(ToString::to_string).as_deref());
        }
    }

    async fn answer(
        self: &Arc<Self>,
        page: Option<&Page>,
        request: &Request,
        resolution: Option<Resolution>,
        placeholder: Option<&Region>,
    ) -> Reply {
        match request {
            Request::SetChartSettings { chart, settings, color_map } => {
                let settings = settings.as_object().cloned().unwrap_or_default();
                let colors: Option<Vec<String>> = color_map.as_array().map(|colors| {
                    colors.iter().filter_map(|color| color.as_str().map(str::to_owned)).collect()
                });
                let id = chart.as_deref().unwrap_or_default();
                if let Some(page) = page {
                    let settings = by_hand::without_margins(&settings);
                    self.chosen(page, id, &settings, colors.as_deref());
                    self.save_soon();
                }
                Reply::Done
            }
            Request::ReportChange { change: Some(change) } if page.is_some() => {
                self.answer_report(change).await
            }
            Request::ReportChange { .. } => {
                Reply::Refused("reportChange takes a 'change', and only from a page".into())
            }
            Request::GetWorkspaces { .. }
            | Request::SaveWorkspace { .. }
            | Request::DeleteWorkspace { .. } => {
                self.answer_workspaces(page.is_some(), request).await
            }
            Request::Subscribe(_) | Request::Unsubscribe { .. } => Reply::Refused(format!(
                "{} needs a WebSocket; over HTTP, use /api/v1/stream",
                request.name()
            )),
            Request::Describe {} => Reply::Told(self.describe()),
            _ => self.provider.answer_with(request, resolution, placeholder).await,
        }
    }
}
