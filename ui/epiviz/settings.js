// The companion of the copy of EpiViz that epivizrs serves. Its files are appended to EpiViz's own
// settings, in the order of COMPANION in src/server/epiviz.rs, so they run when all of EpiViz is
// loaded and before it starts. `epivizrs` has what they share; the endpoint sets its `view`, the
// first region. Nothing here is part of EpiViz, whose files are unchanged.
//
// This file: the settings. The page has no cache, so that it always requests exactly what it shows;
// it connects to this endpoint without configuration, and uses no other server.

(function (epivizrs) {
  'use strict';

  const base = location.pathname.replace(/epiviz\/[^/]*$/, '');
  // Where the endpoint asks for a token, the page's address holds it.
  const token = new URLSearchParams(location.search).get('token');
  const key = token === null ? '' : `?token=${encodeURIComponent(token)}`;
  const socket = `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}${base}ws${key}`;
  const settings = epiviz.Config.SETTINGS;
  const charts = 'epiviz.plugins.charts.';

  settings.useCache = false;
  settings.dataProviders = [];
  settings.dataServerLocation = '';
  settings.chartSaverLocation = '';
  // Workspaces use the socket too, see workspaces.js.
  settings.workspacesDataProvider = 'epiviz.data.EmptyResponseDataProvider';
  // Hierarchies are not served.
  settings.chartTypes = settings.chartTypes.filter(type => type !== 'epiviz.ui.charts.tree.IcicleType');

  // Line tracks that the user adds draw every row, not only every 200th.
  Object.assign(settings.chartCustomSettings[`${charts}LineTrack`], {
    step: 1, showPoints: false, interpolation: 'linear',
  });

  // Room for the labels of the axes. All tracks have the same left margin, so that their positions
  // are aligned.
  const LEFT = 55;
  for (const kind of ['track', `${charts}LineTrack`, `${charts}LinePlot`, `${charts}StackedLinePlot`]) {
    const chart = settings.chartSettings[kind];
    if (!chart || !chart.margins) continue;
    const { margins } = chart;
    chart.margins = new epiviz.ui.charts.Margins(margins.top(), LEFT, margins.bottom(), margins.right());
  }

  const main = epiviz.main;
  epiviz.main = function () {
    // Anyone who can open the page may save workspaces here: there is no other login.
    epiviz.workspaces.UserManager.USER_STATUS.loggedIn = true;
    $('#intro-workspace').children().prop('disabled', false);
    return main.apply(epiviz, arguments);
  };

  /** Where to look first, of an endpoint that tells it only to those who have the token. */
  function firstView() {
    const request = new XMLHttpRequest();
    // EpiViz reads its arguments before anything else happens.
    request.open('GET', `${base}info${key}`, false);
    request.send();
    const view = request.status === 200 ? JSON.parse(request.responseText).firstView : null;
    return view ? { seqName: view.seqName, start: String(view.start), end: String(view.end) } : {};
  }

  const web = epiviz.ui.WebArgsManager;
  const read = web.extractWindowLocationArgs;
  web.extractWindowLocationArgs = function () {
    const given = read.call(web);
    // Without a cookie, the page does not add its earlier charts to those of the session.
    return {
      ...(given.seqName ? {} : epivizrs.view ?? firstView()), useCookie: 'false', ...given, 'websocket-host': [socket],
    };
  };
})(epivizrs);
