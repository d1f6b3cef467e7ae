// Asks with node's http module, over one kept connection for each row: the row, then a canary.
// node_client.js ADDRESS PORT ROWS, a JSON list of {name, method}.
// Prints {name, status, body, error, canary} for each.
'use strict';
const http = require('http');

const [address, port, rows] = process.argv.slice(2);

const ask = (agent, method, path) => new Promise((resolve) => {
  const request = http.request({host: address, port, method, path, agent, headers: {host: 'h'}});
  const failed = (error) => resolve({error: error.code || error.message});
  request.on('error', failed);
  request.on('response', (response) => {
    const body = [];
    response.on('data', (piece) => body.push(piece));
    response.on('error', failed);
    response.on('end', () => resolve(
        {status: response.statusCode, body: Buffer.concat(body).toString('latin1')}));
  });
  request.setTimeout(4000, () => request.destroy(new Error('no answer within 4 s')));
  request.end();
});

(async () => {
  let number = 0;
  for (const {name, method} of JSON.parse(rows)) {
    const agent = new http.Agent({keepAlive: true, maxSockets: 1});
    const answer = await ask(agent, method, '/' + name);
    const path = `/canary/node-${++number}`;
    const canary = await ask(agent, 'GET', path);
    agent.destroy();
    const sound = canary.status === 200 && canary.body === 'saw ' + path;
    console.log(JSON.stringify({name, ...answer, canary: sound ? '' : JSON.stringify(canary)}));
  }
})();
