// Asks over one HTTP/2 connection: `node http2_client.js URL '[{"path": ...}, ...]'`, all at once.
// Each has `path`, and may have `method`, `bytes` (of body), `headers`, `cancel` (after so many
// milliseconds), `trailers`. Prints one JSON line: for each {status, headers, bytes, body, trailers,
// hints, error}. With `one` behind it, the last is asked a second later and alone told, with its
// `seconds`; the others stay open.
'use strict';
const http2 = require('http2');
const session = http2.connect(process.argv[2], { maxSessionMemory: 1000 });
const asks = JSON.parse(process.argv[3]);
let left = asks.length;
const answers = asks.map(() => ({ bytes: 0, body: '' }));
const one = process.argv[4] === 'one';
let begun = process.hrtime.bigint();
const done = (index) => {
  left -= 1;
  if (one) {
    if (index + 1 < asks.length) return;
    answers[index].seconds = Number(process.hrtime.bigint() - begun) / 1e9;
    console.log(JSON.stringify({ ...answers[index], body: '' }));
    return;
  }
  if (left > 0) return;
  console.log(JSON.stringify(answers));
  session.destroy();
};
session.on('error', () => {});
const begin = (ask, index) => {
  begun = process.hrtime.bigint();
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
  stream.on('close', () => done(index));
  if (ask.cancel) setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), ask.cancel);
  if (ask.bytes) stream.write(Buffer.alloc(ask.bytes, 'y'));
  stream.end();
};
asks.forEach((ask, index) => {
  if (one && index + 1 === asks.length) setTimeout(() => begin(ask, index), 1000);
  else begin(ask, index);
});
