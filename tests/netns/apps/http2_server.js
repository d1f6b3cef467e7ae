// An HTTP/2 app without TLS: `node http2_server.js PORT NAME`. By path:
//   /echo       the body back, with the number of its bytes as a trailer
//   /headers    the request's head as JSON
//   /stall      reads nothing and answers nothing
//   /early      answers 413 before the body has come
//   /reset      resets the stream with INTERNAL_ERROR
//   /refuse     with REFUSED_STREAM, and says so
//   /goodbye    says GOAWAY, then answers
//   /bytes/N    N bytes
//   /slow/MS    answers after so long
//   /hints      103 first
//   /trailers   the request's trailers as JSON
//   /half       half an answer, then INTERNAL_ERROR
//   /count      how many connections it has accepted
//   /name       its NAME
'use strict';
const http2 = require('http2');
const server = http2.createServer({ settings: { maxConcurrentStreams: 1000 } });
let connections = 0;
server.on('session', () => { connections += 1; });
server.on('stream', (stream, head) => {
  const path = head[':path'];
  stream.on('error', () => {});
  stream.on('aborted', () => console.log(`aborted ${path} with ${stream.rstCode}`));
  const [, kind, argument] = path.split('/');
  if (kind === 'stall') return console.log(`stalled ${path}`);
  if (kind === 'reset') return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  if (kind === 'refuse') {
    console.log('refused');
    return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  }
  if (kind === 'early') {
    stream.respond({ ':status': 413 });
    stream.end('too much');
    return stream.close();
  }
  if (kind === 'name') {
    stream.respond({ ':status': 200 });
    return stream.end(process.argv[3]);
  }
  if (kind === 'goodbye') stream.session.goaway();
  if (kind === 'bytes') {
    stream.respond({ ':status': 200 });
    return stream.end(Buffer.alloc(Number(argument), 'x'));
  }
  if (kind === 'slow') {
    return setTimeout(() => { stream.respond({ ':status': 200 }); stream.end('slow'); }, Number(argument));
  }
  if (kind === 'half') {
    stream.respond({ ':status': 200 });
    stream.write('half');
    return setTimeout(() => stream.destroy(new Error('half')), 50);
  }
  if (kind === 'hints') stream.additionalHeaders({ ':status': 103, link: '</style.css>' });
  let asked = {};
  stream.on('trailers', (trailers) => { asked = trailers; });
  const pieces = [];
  stream.on('data', (piece) => pieces.push(piece));
  stream.on('end', () => {
    if (stream.destroyed) return;
    const body = Buffer.concat(pieces);
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-bytes': String(body.length) }));
    if (kind === 'headers') stream.end(JSON.stringify(head));
    else if (kind === 'trailers') stream.end(JSON.stringify(asked));
    else if (kind === 'count') stream.end(String(connections));
    else stream.end(body);
  });
});
server.listen(Number(process.argv[2]), '::', () => console.log('listening'));
