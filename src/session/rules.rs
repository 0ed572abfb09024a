//! The role that each action needs. Actions that are not listed need `admin`.

use super::{Role, Topic, Visitor};
use crate::error::{Error, Result};
use crate::protocol::{PageChange, Request};

/// A kind of action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Requests of pages, over the WebSocket or over HTTP.
    Request,
    /// Commands at consoles.
    Command,
}

/// Every action: its kind, the role that it needs, and its name.
pub const RULES: &[(Kind, Role, &[&str])] = &[
    (
        Kind::Request,
        Role::View,
        &[
            "getMeasurements",
            "getSeqInfos",
            "getRows",
            "getValues",
            "getCombined",
            "search",
            "registerChartTypes",
            "setChartSettings",
            "reportChange",
            "getWorkspaces",
            "getHierarchy",
            "propagateHierarchyChanges",
            "subscribe",
            "unsubscribe",
            "describe",
        ],
    ),
    (Kind::Request, Role::Drive, &["saveWorkspace", "deleteWorkspace"]),
    (
        Kind::Command,
        Role::View,
        &[
            "measurements",
            "sources",
            "sequences",
            "search",
            "charts",
            "chart-types",
            "where",
            "workspaces",
            "wait",
            "echo",
            "subscribe",
            "help",
            "whoami",
            "quit",
        ],
    ),
    (
        Kind::Command,
        Role::Drive,
        &[
            "plot",
            "remove",
            "set",
            "colors",
            "revisualize",
            "print",
            "go",
            "zoom",
            "pan",
            "back",
            "bookmark",
            "pages",
            "use",
            "follow",
            "redraw",
            "flush",
            "clear",
            "say",
            "save",
            "open",
            "delete",
            "add-sequence",
            "remove-sequence",
            "keep-sequences",
            "compute",
            "drop",
            // By HTTP only.
            "push",
        ],
    ),
    (
        Kind::Command,
        Role::Admin,
        &["load", "unload", "reload", "source", "slideshow", "export", "import", "kick"],
    ),
];

/// Returns the role that an action needs.
pub fn needed(kind: Kind, name: &str) -> Role {
    let found = RULES.iter().find(|(of, _, names)| *of == kind && names.contains(&name));
    found.map_or(Role::Admin, |(_, role, _)| *role)
}

impl Visitor {
    /// Checks that the visitor may run an action.
    ///
    /// # Errors
    /// [`Error::Input`] that names the role that is needed.
    pub fn may(&self, kind: Kind, name: &str) -> Result<()> {
        let needed = needed(kind, name);
        if self.role >= needed {
            return Ok(());
        }
        let (own, who) = (self.role, &self.name);
        Err(Error::Input(format!("'{name}' needs the role {needed}; {who} has the role {own}")))
    }

    /// Checks that the visitor may follow a topic: the log names users and folders, and pages have
    /// addresses.
    ///
    /// # Errors
    /// [`Error::Input`] that says who may.
    pub fn may_follow(&self, topic: Topic) -> Result<()> {
        match topic {
            Topic::Log if !self.is_owner => {
                let why = "the log names users and folders; only the owner may follow it";
                Err(Error::Input(why.into()))
            }
            Topic::Pages => self.may(Kind::Command, "pages"),
            _ => Ok(()),
        }
    }

    /// Checks that the visitor may follow all sessions, whose names are not public.
    ///
    /// # Errors
    /// [`Error::Input`] that names the role that is needed.
    pub fn may_follow_all(&self) -> Result<()> {
        if self.role >= Role::Drive {
            return Ok(());
        }
        let (own, who) = (self.role, &self.name);
        Err(Error::Input(format!("all sessions need the role drive; {who} has the role {own}")))
    }

    /// Checks that the visitor may send a request.
    ///
    /// # Errors
    /// As [`Visitor::may`].
    pub fn may_ask(&self, request: &Request) -> Result<()> {
        let name = match request {
            Request::ReportChange { change: Some(PageChange::SaveWorkspace { .. }) } => {
                "saveWorkspace"
            }
            other => other.name(),
        };
        self.may(Kind::Request, name)
    }
}

/// Returns whether a request changes what others see or what is saved, so that it is logged.
pub(super) fn changes(request: &Request) -> bool {
    matches!(
        request,
        Request::SetChartSettings { .. }
            | Request::ReportChange { .. }
            | Request::SaveWorkspace { .. }
            | Request::DeleteWorkspace { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::REQUESTS;

    #[test]
    fn what_is_not_listed_is_closed_and_every_request_is_listed_once() {
        assert_eq!(needed(Kind::Request, "getEverything"), Role::Admin);
        assert_eq!(needed(Kind::Command, "getRows"), Role::Admin);
        for (name, ..) in REQUESTS {
            let times = RULES
                .iter()
                .filter(|(kind, _, names)| *kind == Kind::Request && names.contains(name));
            assert_eq!(times.count(), 1, "{name}");
        }
    }

    #[test]
    fn a_refusal_names_the_role_that_is_needed() {
        let guest = Visitor { name: "guest".into(), role: Role::View, ..Visitor::owner() };
        assert!(guest.may(Kind::Request, "getRows").is_ok());
        let error = guest.may(Kind::Command, "plot").unwrap_err().to_string();
        assert_eq!(error, "'plot' needs the role drive; guest has the role view");
        let save = PageChange::SaveWorkspace { name: "x".into() };
        assert!(guest.may_ask(&Request::ReportChange { change: Some(save) }).is_err());
    }
}
