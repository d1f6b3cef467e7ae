// Asks over one HTTP/2 connection: `node http2_client.js URL '[{"path": ...}, ...]'`, all at once.
// Each has `path`, and may have `method`, `bytes` (of body), `headers`, `cancel` (after so many
// milliseconds), `trailers`. Prints one JSON line: for each {status, headers, bytes, body, trailers,
// hints, error}.
'use strict';
const http2 = require('http2');
const session = http2.connect(process.argv[2]);
const asks = JSON.parse(process.argv[3]);
let left = asks.length;
const answers = asks.map(() => ({ bytes: 0, body: '' }));
const done = () => {
  left -= 1;
  if (left > 0) return;
  console.log(JSON.stringify(answers));
  session.destroy();
};
session.on('error', () => {});
asks.forEach((ask, index) => {
  const answer = answers[index];
  const stream = session.request({
    ':path': ask.path, ':method': ask.method || (ask.bytes ? 'POST' : 'GET'), ...ask.headers,
  }, { waitForTrailers: Boolean(ask.trailers) });
  stream.on('wantTrailers', () => stream.sendTrailers(ask.trailers));
  stream.on('headers', (head) => { answer.hints = head; });
  stream.on('response', (head) => { answer.status = head[':status']; answer.headers = head; });
  stream.on('data', (piece) => {
    answer.bytes += piece.length;
    if (answer.body.length < 4096) answer.body += piece;
  });
  stream.on('trailers', (trailers) => { answer.trailers = trailers; });
  stream.on('error', (error) => { answer.error = error.code + ' ' + error.message; });
  stream.on('close', done);
  if (ask.cancel) setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), ask.cancel);
  if (ask.bytes) stream.write(Buffer.alloc(ask.bytes, 'y'));
  stream.end();
});
