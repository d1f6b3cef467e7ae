// A WebSocket's bytes over HTTP/2 (RFC 8441), without its frames: what is said comes back.
//   `node websocket_peer.js serve PORT [plain]`   an HTTP/2 app; `plain`: without RFC 8441
//   `node websocket_peer.js ask URL TEXT TIMES`   says TEXT so often, prints {status, said, ended}
'use strict';
const http2 = require('http2');
const [, , role, where, more, times] = process.argv;
if (role === 'serve') {
  const server = http2.createServer({ settings: { enableConnectProtocol: more !== 'plain' } });
  server.on('stream', (stream, head) => {
    stream.on('error', () => {});
    if (head[':method'] !== 'CONNECT') {
      stream.respond({ ':status': 400 });
      return stream.end(head[':method']);
    }
    if (head[':path'] === '/no') {
      stream.respond({ ':status': 403 });
      return stream.end('no');
    }
    console.log(`asked ${JSON.stringify(head)}`);
    stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
    stream.on('data', (piece) => stream.write(piece));
    stream.on('end', () => stream.end('bye'));
    return undefined;
  });
  server.listen(Number(where), '::', () => console.log('listening'));
} else {
  const text = more.repeat(Number(times));
  const session = http2.connect(where);
  session.on('error', () => {});
  session.once('remoteSettings', (settings) => {
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', 'sec-websocket-version': '13',
      'sec-websocket-protocol': 'chat',
    });
    const seen = { offered: settings.enableConnectProtocol, said: '' };
    stream.on('response', (head) => { seen.status = head[':status']; seen.head = head; stream.write(text); });
    stream.on('data', (piece) => {
      seen.said += piece;
      if (seen.said === text) stream.end();
    });
    stream.on('end', () => { seen.ended = true; });
    stream.on('error', (error) => { seen.error = String(error); });
    stream.on('close', () => { console.log(JSON.stringify(seen)); session.destroy(); });
  });
}
