// The companion: the connection. EpiViz itself connects only once. This file shows that the endpoint
// is gone, and tries to reconnect. When the endpoint is back, the page reports its charts (charts.js),
// repeats unanswered requests, and requests measurements, sequences and rows again.
//
// It uses these parts of EpiViz's WebsocketDataProvider, which are the same in versions 4 and 4.1:
// _initialize, _sendMessage, _onSocketOpen, _onSocketClose, _onSocketMessage and _callbacks.

(function (epivizrs) {
  'use strict';

  const FIRST_WAIT = 300;
  const MAX_WAIT = 5000;
  const provider = epiviz.data.WebsocketDataProvider.prototype;
  const { _initialize: connect, _onSocketMessage: receive, _onSocketClose: close } = provider;

  /** The requests without an answer, as JSON, by id. */
  const unanswered = new Map();
  let wait = FIRST_WAIT;
  let timer = null;
  let isReconnect = false;
  let isLeaving = false;

  const isOpen = ({ _socket: socket }) => socket !== null && socket.readyState === WebSocket.OPEN;

  provider._sendMessage = function (text) {
    const { type, requestId } = JSON.parse(text);
    if (type === 'request') unanswered.set(String(requestId), text);
    // Requests wait for the connection; an answer to an endpoint that is gone is dropped.
    if (isOpen(this)) this._socket.send(text);
  };

  provider._onSocketMessage = function (message) {
    // The endpoint writes these members first; rows may take megabytes and are parsed only once.
    const [, id] = /^\{"type":"response","requestId":"?(\d+)/.exec(message.data) ?? [];
    if (id !== undefined) {
      unanswered.delete(id);
      if (!this._callbacks[id]) return; // Already answered.
    }
    receive.call(this, message);
  };

  provider._onSocketOpen = function () {
    wait = FIRST_WAIT;
    epivizrs.banner('');
    const before = [...unanswered.keys()];
    if (isReconnect) epivizrs.resume(id => unanswered.delete(String(id)));
    for (const id of before) if (unanswered.has(id)) this._socket.send(unanswered.get(id));
    this._registerAvailableCharts();
    if (isReconnect) reload(epivizrs.app);
    isReconnect = true;
  };

  provider._onSocketClose = function () {
    close.call(this);
    if (isLeaving) return;
    isReconnect = isReconnect || epivizrs.app !== null;
    epivizrs.banner('epivizrs does not answer: the charts may be out of date. Trying to reconnect …');
    clearTimeout(timer);
    timer = setTimeout(() => connect.call(this), wait);
    wait = Math.min(wait * 1.6, MAX_WAIT);
  };

  /** Requests everything again that another endpoint may answer differently. */
  function reload({ _dataManager: data, _measurementsManager: menus, _locationManager: place }) {
    data.flushCache();
    menus.removeMeasurements(menus.measurements().subset(measurement => !measurement.isComputed()));
    menus.initialize();
    place.initialize();
    if (place.currentLocation()) place.changeCurrentLocation(place.currentLocation());
  }

  /** The page's connection. */
  epivizrs.provider = () => {
    let found = null;
    epivizrs.app._dataManager._dataProviderFactory.foreach(candidate => {
      if (candidate instanceof epiviz.data.WebsocketDataProvider) found = candidate;
      return found !== null;
    });
    return found;
  };

  /** Sends a request; `answered(data, why)` gets the answer, or the reason of a refusal. Returns its id. */
  epivizrs.ask = (values, answered = () => {}) => {
    const request = epiviz.data.Request.createRequest({ version: epiviz.EpiViz.VERSION, ...values });
    epivizrs.provider().getData(request, response => {
      const { success, errorMessage } = response._data;
      if (success === false) answered(null, errorMessage || 'the endpoint refused');
      else answered(response._data, null);
    });
    return request.id();
  };

  // The message at the lower edge of the page; an empty text removes it. It never blocks the pointer,
  // and its content is inserted as text.
  let element = null;
  epivizrs.banner = text => {
    element = element ?? $('<div id="epivizrs-banner" role="alert"></div>').css({
      position: 'fixed', bottom: 0, left: 0, right: 0, zIndex: 10000, padding: '8px', textAlign: 'center',
      font: '14px sans-serif', color: '#fff', background: '#a11d20', pointerEvents: 'none',
    }).appendTo(document.body);
    element.text(text).toggle(text !== '');
  };
  /** Shows a message for some seconds. */
  epivizrs.say = text => {
    epivizrs.banner(text);
    setTimeout(() => { if (element.text() === text) epivizrs.banner(''); }, 8000);
  };

  window.addEventListener('pagehide', () => { isLeaving = true; });
  window.addEventListener('pageshow', () => { isLeaving = false; });

  epivizrs.app = null;
  epivizrs.hasStarted = false;
  const { start } = epiviz.EpiViz.prototype;
  epiviz.EpiViz.prototype.start = function () {
    epivizrs.app = this;
    epivizrs.watch(this);
    start.call(this);
    epivizrs.hasStarted = true;
  };
})(epivizrs);
