// How a service feels: what a person does to it at a terminal, as `PUT /mood` on a port of loopback.
// {"status": 500} answers so, {"grpc": 14} so to gRPC, {"delay": 4000} waits first, {"drop": true} cuts the connection,
// {"share": 0.5} does so to every second request, {"times": 2} to the next two; {} is well again.
'use strict';

const express = require('express');

let mood = {};
let seen = 0;
let calls = 0;

const admin = express();
admin.use(express.json());
admin.put('/mood', (req, res) => {
  mood = req.body;
  seen = 0;
  calls = 0;
  res.json(mood);
});
admin.listen(3099, '127.0.0.1');

module.exports.grpc = () => {
  calls += 1;
  return calls > (mood.times ?? Infinity) ? 0 : mood.grpc;
};
module.exports.http = (req, res, next) => {
  const { status, delay = 0, drop, share = 1, times = Infinity, retry_after: after } = mood;
  seen += 1;
  const spared = seen > times || Math.floor(seen * share) === Math.floor((seen - 1) * share);
  if (spared || req.path.startsWith('/well')) return next();
  setTimeout(() => {
    if (drop) return req.socket.destroy();
    if (after) res.set('Retry-After', after);
    if (status) return res.status(status).json({ error: 'out of order' });
    next();
  }, delay);
};
