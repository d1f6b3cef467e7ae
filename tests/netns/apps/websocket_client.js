// A WebSocket caller of the package ws: `node websocket_client.js URL HABIT`. It `talk`s (an echo
// every 100 ms), `ping`s every 200 ms or does neither (`quiet`), until SIGUSR2: then it asks for an
// echo of 1 MiB and says `bye`. A JSON line each: opened, echoes (so far), pongs (so far), closed.
'use strict';
const { WebSocket } = require('ws');
const [, , url, habit] = process.argv;
const socket = new WebSocket(url);
const tell = (line) => console.log(JSON.stringify(line));
const large = Buffer.alloc(1 << 20, 'x');
let echoes = 0;
let pongs = 0;
let timer = null;
socket.on('open', () => {
  tell({ opened: url });
  if (habit === 'talk') timer = setInterval(() => socket.send(`hello ${echoes}`), 100);
  if (habit === 'ping') timer = setInterval(() => socket.ping(), 200);
});
socket.on('message', (data, binary) => {
  if (!binary) return tell({ echoes: (echoes += 1) });
  tell({ large: large.equals(data) });
  socket.send('bye');
});
socket.on('pong', () => tell({ pongs: (pongs += 1) }));
socket.on('error', (error) => tell({ error: error.message }));
socket.on('close', (code, reason) => {
  clearInterval(timer);
  clearInterval(alive);
  tell({ closed: code, reason: String(reason) });
});
const alive = setInterval(() => {}, 60000);
process.on('SIGUSR2', () => { clearInterval(timer); socket.send(large); });
