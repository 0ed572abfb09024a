// The companion: workspaces. A workspace is a saved session. The page asks for them on its own
// connection, opens none by itself, and leaves saving and opening to the session, which brings the
// charts of what is opened, to this page as to all others.

(function (epivizrs) {
  'use strict';

  const data = epiviz.data.DataManager.prototype;
  const manager = epiviz.workspaces.WorkspaceManager.prototype;
  const web = epiviz.ui.WebArgsManager;

  /** Shows a name in the page's box, under which deleting finds the workspace. */
  function name(id, text) {
    const { app } = epivizrs;
    const active = app._workspaceManager.activeWorkspace();
    Object.assign(active, { _id: id, _name: text });
    active.resetChanged();
    app._controlManager._activeWorkspaceInfo = { id, name: text };
    $('#save-workspace-text').val(text);
  }

  function open(id, text) {
    epivizrs.report({ openWorkspace: { id: String(id) } }, (answer, why) => {
      if (why !== null) epivizrs.say(`The workspace was not opened: ${why}.`);
      else if (text) name(id, text);
    });
  }

  // The answer to the first question for workspaces makes the page remove all charts; it comes at
  // once, before there are any. An id in the address is opened, and taken off the address: a page
  // that is loaded again shows the session as it is then.
  data.getWorkspaces = function (callback, filter, id) {
    if (!epivizrs.hasStarted) {
      callback([]);
      web.WEB_ARGS.ws = '';
      epivizrs.app._webArgsManager._updateUrl();
      if (id) open(id);
    } else if (id !== filter) {
      open(id, filter);
    } else {
      epivizrs.ask({ action: 'getWorkspaces', q: filter || '', ws: filter || '' }, found => {
        callback([...found ?? []].map(known => ({ id: known.id, name: known.name })));
      });
    }
  };

  // Not given to the callback, which would make the page remove its charts and add them again.
  data.saveWorkspace = function (workspace) {
    epivizrs.report({ saveWorkspace: { name: workspace.name() } }, (id, why) => {
      if (why === null) name(String(id), workspace.name());
      else epivizrs.say(`The workspace was not saved: ${why}.`);
    });
  };

  data.deleteWorkspace = function (workspace) {
    if (workspace.id()) epivizrs.ask({ action: 'deleteWorkspace', id: workspace.id() });
  };

  manager.deleteActiveWorkspace = function () {
    if (this.activeWorkspace().id()) name(null, this._config.defaultWorkspaceSettings.name);
  };

  manager.revertActiveWorkspace = function () {
    const active = this.activeWorkspace();
    if (active.id()) open(active.id(), active.name());
    else epivizrs.say('There is no saved workspace to go back to.');
  };
})(epivizrs);
