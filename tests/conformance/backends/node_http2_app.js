// Serves HTTP/2 by prior knowledge with node's http2 module and prints, as one JSON line each, what
// it understood of requests. node_http2_app.js PORT. Octets are characters of Latin-1.
'use strict';
const http2 = require('http2');

const say = (record) => process.stdout.write(JSON.stringify(record) + '\n');

const server = http2.createServer();
server.on('stream', (stream, headers, flags, raw) => {
  const body = [];
  const trailers = [];
  let whole = false;
  const all = (name) => raw.filter((_, i) => i % 2 === 1 && raw[i - 1] === name);
  const record = () => ({
    kind: whole ? 'request' : 'cut',
    row: all('x-row').join(),
    method: headers[':method'],
    target: headers[':path'],
    host: [...all(':authority'), ...all('host')].join(', '),
    fields: raw.filter((_, i) => i % 2 === 0).filter((name) => !name.startsWith('x-request-id')),
    probe: all('x-probe'),
    cookie: all('cookie').join(' | '),
    body: Buffer.concat(body).toString('latin1'),
    trailers,
    injected: all('x-injected').length > 0,
  });
  stream.on('error', () => {});
  stream.on('trailers', (_, __, section) => trailers.push(...section.filter((_, i) => i % 2 === 0)));
  stream.on('data', (piece) => body.push(piece));
  stream.on('end', () => {
    whole = !stream.aborted && stream.rstCode === 0;
    if (!whole) return;
    say(record());
    const answer = 'saw ' + headers[':path'];
    stream.respond({':status': 200, 'content-length': Buffer.byteLength(answer)});
    stream.end(answer);
  });
  stream.on('close', () => whole || say(record()));
});
server.on('sessionError', () => {});
server.listen(Number(process.argv[2]), '::', () => say({kind: 'listening'}));
