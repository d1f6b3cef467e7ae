// Loaded with `node -r` before the app: writes one JSON line for each request that reaches it,
// so that a test can count what the app saw without a changed line in the app. Tokens are left out.
'use strict';

const fs = require('fs');
const http = require('http');

const STDOUT = 1;
const emit = http.Server.prototype.emit;

http.Server.prototype.emit = function (event, request, ...rest) {
  if (event === 'request') {
    const headers = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      const name = request.rawHeaders[i];
      const secret = name.toLowerCase() === 'authorization';
      headers.push([name, secret ? '(not recorded)' : request.rawHeaders[i + 1]]);
    }
    const seen = { app_request: { method: request.method, url: request.url, headers } };
    fs.writeSync(STDOUT, JSON.stringify(seen) + '\n');  // before the answer: counts are exact
  }
  return emit.call(this, event, request, ...rest);
};
