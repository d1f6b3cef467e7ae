// One instance of the service: answers on 8080 after a few milliseconds, unless its mood says otherwise.
// PUT /{"status": 503} or /{"delay": 300} on a port of loopback changes that, PUT /{} makes it well.
// On stdout: how many requests came, for each tenth of a second in which some did.
'use strict';

const http = require('http');

const BIN_MS = 100;
const USUAL_MS = 5;
let mood = {};
let seen = new Map();

http.createServer((request, response) => {
  const bin = Math.floor(Date.now() / BIN_MS);
  seen.set(bin, (seen.get(bin) || 0) + 1);
  setTimeout(() => {
    response.statusCode = mood.status || 200;
    response.end('it is here\n');
  }, mood.delay || USUAL_MS);
}).listen(8080, '::', () => console.log('listening'));

http.createServer((request, response) => {
  mood = JSON.parse(decodeURIComponent(request.url.slice(1)));
  response.end('so be it\n');
}).listen(8099, '127.0.0.1');

setInterval(() => {
  const now = Math.floor(Date.now() / BIN_MS);
  for (const [bin, count] of seen) {
    if (bin === now) continue;
    console.log(JSON.stringify({ bin, count }));
    seen.delete(bin);
  }
}, BIN_MS).unref();
