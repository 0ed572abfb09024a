//! Requests of pages: permission, the answer, and its place in the log and the counts.

use super::{Page, Role, Session, Visitor, by_hand, rules};
use crate::catalog::Resolution;
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::protocol::{Reply, Request};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Session {
    /// Answers a request with the whole message. `resolution` is as in [`crate::provider::Provider::answer`].
    pub async fn reply_to(
        self: &Arc<Self>,
        id: &RawValue,
        request: &Request,
        resolution: Option<Resolution>,
    ) -> String {
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
    ) -> String {
        let started = Instant::now();
        let reply = self.answer(page, request, resolution, placeholder).await;
        let json = reply.to_json(id);
        let (action, took) = (request.name(), started.elapsed());
        let refused = matches!(reply, Reply::Refused(_));
        self.metrics.record(action, refused, json.len(), took);
        tracing::debug!(action, bytes = json.len(), ?took, "answered");
        json
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
