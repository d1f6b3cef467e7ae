// agw(path, payload): calls the API gateway over Socket.io and keeps a promise of the responses.
// Calls made before the connection stands wait for it.
(function () {
  'use strict';

  var socket = null;
  var waiting = [];

  function send(call) {
    socket.emit('call', call.path, call.payload, function (answer) {
      if (answer.error) return call.reject(new Error(answer.error));
      call.resolve(answer.responses);
    });
  }

  function agw(path, payload) {
    return new Promise(function (resolve, reject) {
      var call = { path: path, payload: payload, resolve: resolve, reject: reject };
      if (socket && socket.connected) return send(call);
      waiting.push(call);
    });
  }

  agw.init = function (url) {
    if (socket) return;
    socket = io(url);
    socket.on('connect', function () {
      waiting.splice(0).forEach(send);
    });
    agw.socket = socket;
  };

  window.agw = agw;
})();
