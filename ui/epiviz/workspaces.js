// The companion: workspaces. A workspace is a saved session. The page requests them on its own
// connection and opens none by itself. Saving and opening are done by the session, which adds the
// charts of an opened workspace to all pages, including this one.

(function (epivizrs) {
  'use strict';

  const data = epiviz.data.DataManager.prototype;
  const manager = epiviz.workspaces.WorkspaceManager.prototype;
  const web = epiviz.ui.WebArgsManager;

  /** Shows a workspace's name in the page's box, from which 'delete' takes it. */
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

  // The first answer about workspaces makes the page remove all charts; here it comes at once, before
  // there are any. An id in the address is opened, and removed from the address, so that a reload
  // shows the current session.
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

  // The callback is not called: it would make the page remove its charts and add them again.
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
