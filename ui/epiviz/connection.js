// The companion: the connection. EpiViz connects once and never again. Here it says that the
// endpoint is gone, goes on trying, and when it is back tells what it shows (charts.js), asks again
// what was not answered, and asks anew for measurements, sequences and rows.
//
// EpiViz's own parts that this knows, the same in versions 4 and 4.1: WebsocketDataProvider's
// _initialize, _sendMessage, _onSocketOpen, _onSocketClose, _onSocketMessage and _callbacks.

(function (epivizrs) {
  'use strict';

  const FIRST_WAIT = 300;
  const LONGEST_WAIT = 5000;
  const provider = epiviz.data.WebsocketDataProvider.prototype;
  const { _initialize: connect, _onSocketMessage: take, _onSocketClose: forget } = provider;

  /** Texts of the requests that have no answer yet, by id. */
  const unanswered = new Map();
  let wait = FIRST_WAIT;
  let timer = null;
  let isAgain = false;
  let isLeaving = false;

  const isOpen = ({ _socket: socket }) => socket !== null && socket.readyState === WebSocket.OPEN;

  provider._sendMessage = function (text) {
    const { type, requestId } = JSON.parse(text);
    if (type === 'request') unanswered.set(String(requestId), text);
    // A request waits for the connection; an answer to an endpoint that is gone is for nobody.
    if (isOpen(this)) this._socket.send(text);
  };

  provider._onSocketMessage = function (message) {
    // The endpoint writes these first; rows may be megabytes, and are parsed once.
    const [, id] = /^\{"type":"response","requestId":"?(\d+)/.exec(message.data) ?? [];
    if (id !== undefined) {
      unanswered.delete(id);
      if (!this._callbacks[id]) return; // answered before
    }
    take.call(this, message);
  };

  provider._onSocketOpen = function () {
    wait = FIRST_WAIT;
    epivizrs.banner('');
    const before = [...unanswered.keys()];
    if (isAgain) epivizrs.resume(id => unanswered.delete(String(id)));
    for (const id of before) if (unanswered.has(id)) this._socket.send(unanswered.get(id));
    this._registerAvailableCharts();
    if (isAgain) renew(epivizrs.app);
    isAgain = true;
  };

  provider._onSocketClose = function () {
    forget.call(this);
    if (isLeaving) return;
    isAgain = isAgain || epivizrs.app !== null;
    epivizrs.banner('epivizrs does not answer: what is shown may be out of date. Trying to connect again …');
    clearTimeout(timer);
    timer = setTimeout(() => connect.call(this), wait);
    wait = Math.min(wait * 1.6, LONGEST_WAIT);
  };

  /** Asks anew for all that another endpoint may answer differently. */
  function renew({ _dataManager: data, _measurementsManager: menus, _locationManager: place }) {
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

  /** Asks the endpoint; `answered(data, why)` gets the answer, or why it was refused. Returns the id. */
  epivizrs.ask = (values, answered = () => {}) => {
    const request = epiviz.data.Request.createRequest({ version: epiviz.EpiViz.VERSION, ...values });
    epivizrs.provider().getData(request, response => {
      const { success, errorMessage } = response._data;
      if (success === false) answered(null, errorMessage || 'the endpoint refused');
      else answered(response._data, null);
    });
    return request.id();
  };

  // The words below the page, none to take them away; they are in nobody's way. What others wrote in
  // them stays text.
  let words = null;
  epivizrs.banner = text => {
    words = words ?? $('<div id="epivizrs-banner" role="alert"></div>').css({
      position: 'fixed', bottom: 0, left: 0, right: 0, zIndex: 10000, padding: '8px', textAlign: 'center',
      font: '14px sans-serif', color: '#fff', background: '#a11d20', pointerEvents: 'none',
    }).appendTo(document.body);
    words.text(text).toggle(text !== '');
  };
  /** Says something that passes. */
  epivizrs.say = text => {
    epivizrs.banner(text);
    setTimeout(() => { if (words.text() === text) epivizrs.banner(''); }, 8000);
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
