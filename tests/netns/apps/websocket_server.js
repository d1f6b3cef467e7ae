// A WebSocket server of the package ws: `node websocket_server.js PORT`. Gives back what it hears;
// pings each caller of /pinged every 200 ms; ends a caller that says `bye` with 4001 and `farewell`.
'use strict';
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ port: Number(process.argv[2]) });
const tell = (line) => console.log(JSON.stringify(line));
server.on('listening', () => tell({ listening: true }));
server.on('connection', (socket, request) => {
  tell({ opened: request.url });
  const pings = request.url === '/pinged' && setInterval(() => socket.ping(), 200);
  socket.on('message', (data, binary) => {
    if (String(data) === 'bye') return socket.close(4001, 'farewell');
    socket.send(data, { binary });
  });
  socket.on('pong', () => tell({ ponged: request.url }));
  socket.on('close', (code) => { clearInterval(pings); tell({ closed: request.url, code }); });
});
