// Callers of HTTP/1.1 who all ask at once, each on a connection of its own:
// `node crowd_client.js URL COUNT`. Prints one JSON line: how many had each status, or an error.
'use strict';
const http = require('http');
const [, , url, count] = process.argv;
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
const ask = () => new Promise((resolve) => {
  http.get(url, { agent }, (response) => {
    response.resume().on('end', () => resolve(response.statusCode));
  }).on('error', (error) => resolve(error.code));
});
Promise.all(Array.from({ length: Number(count) }, ask)).then((all) => {
  const ended = {};
  for (const one of all) ended[one] = (ended[one] || 0) + 1;
  console.log(JSON.stringify(ended));
  agent.destroy();
});
