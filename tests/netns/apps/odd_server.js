// An HTTP/1.1 app that writes its own heads: `node odd_server.js PORT`. By path:
//   /told     what it was sent, as JSON: version, head as it was spelt, body, trailers
//   /odd      a reason phrase of its own, repeated and oddly spelt fields, chunks with trailers
//   /hints    103, 103, then the answer
//   /early    413 before the body has come, and closes
//   /old      HTTP/1.0, until the end
//   /stall    answers nothing, and says when the caller has left
//   /half     half an answer, then a reset
//   /slow/MS  answers after so long
'use strict';
const http = require('http');
const server = http.createServer((request, response) => {
  const [, kind, argument] = request.url.split('/');
  const { socket } = request;
  const write = (...lines) => socket.write(Buffer.from(lines.join('\r\n'), 'latin1'));
  if (kind === 'stall') {
    console.log('stalled');
    return request.on('close', () => console.log('left'));
  }
  if (kind === 'early') return response.writeHead(413, { Connection: 'close' }).end('too much');
  if (kind === 'half') {
    response.writeHead(200, { 'Content-Length': 10 }).write('half');
    return setTimeout(() => socket.resetAndDestroy(), 100);
  }
  if (kind === 'old') {
    write('HTTP/1.0 200 Old But \xe9 Fine', 'X-Old: yes', '', 'until the end');
    return socket.end();
  }
  if (kind === 'slow') return setTimeout(() => response.end('slow'), Number(argument));
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  return request.on('end', () => {
    if (kind === 'hints') {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.writeEarlyHints({ link: '</b>; rel=preload' });
    }
    if (kind === 'odd') {
      write('HTTP/1.1 299 Odd,  But \xe9 Fine', 'x-a:1', 'X-A:   2  ', 'x-A:', 'sEt-Cookie: a=1',
        'Set-Cookie:b=2', 'TRANSFER-Encoding: chunked', '', '');
      if (request.method !== 'HEAD') write('3', 'abc', '2', 'de', '0', 'X-Sum:5', 'x-SUM: 6', '', '');
      return socket.end(); // node would wait for an answer of its own
    }
    const { method, url, httpVersion: version, rawHeaders: head, rawTrailers: trailers } = request;
    const body = Buffer.concat(pieces).toString('latin1');
    return response.end(JSON.stringify({ method, url, version, head, body, trailers }));
  });
});
server.keepAliveTimeout = 60000;
server.listen(Number(process.argv[2]), '::', 1024, () => console.log('listening'));
