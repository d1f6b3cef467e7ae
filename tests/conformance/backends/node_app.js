// Serves with node's http module and prints, as one JSON line each, what it understood of requests.
// node_app.js PORT. Octets are characters of Latin-1, as node has them.
'use strict';
const http = require('http');

const say = (record) => process.stdout.write(JSON.stringify(record) + '\n');

const all = (request, name) => {
  const values = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i].toLowerCase() === name) values.push(request.rawHeaders[i + 1]);
  }
  return values;
};

const server = http.createServer((request, response) => {
  const body = [];
  let whole = false;
  const record = () => ({
    kind: whole ? 'request' : 'cut',
    row: all(request, 'x-row').join(),
    cookie: all(request, 'cookie').join(' | '),
    method: request.method,
    target: request.url,
    host: all(request, 'host').join(', '),
    body: Buffer.concat(body).toString('latin1'),
    probe: all(request, 'x-probe'),
    injected: all(request, 'x-injected').length > 0,
    trailers: request.rawTrailers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()),
  });
  request.socket.target = request.url;  // if it breaks off, the error names no request
  request.on('data', (piece) => body.push(piece));
  request.on('end', () => {
    whole = true;
    delete request.socket.target;
    say(record());
    response.end('saw ' + request.url);
  });
  request.on('close', () => whole || say(record()));
});

server.on('clientError', (error, socket) => {
  // A peer that resets a connection, whatever was on it, has asked for nothing.
  if (error.code !== 'ECONNRESET') {
    say({kind: 'refused', why: error.code, target: socket.target || ''});
  }
  if (!socket.writable) return;
  socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});

server.listen(Number(process.argv[2]), '::', () => say({kind: 'listening'}));
