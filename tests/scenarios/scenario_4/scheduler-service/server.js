// The Delivery Scheduler: takes requests for deliveries from clients, and has the backends do the work.
'use strict';

const express = require('express');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const BACKENDS = {
  accounts: 'http://accounts.default',
  package: 'http://package.default',
  delivery: 'http://delivery.default',
};
const { drone } = grpc.loadPackageDefinition(loader.loadSync(`${__dirname}/../drone.proto`));
const drones = new drone.Drones('drone.default:80', grpc.credentials.createInsecure());
let last = 0;

const assign = (assignment) => new Promise((resolve, reject) => {
  drones.assign(assignment, (error, found) => (error ? reject(error) : resolve(found)));
});

async function call(backend, method, path, body) {
  const told = await fetch(BACKENDS[backend] + path, {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!told.ok) throw new Error(`${backend} answered ${told.status}`);
  return told.json();
}

const app = express();
app.use(express.json());
app.post('/api/deliveryrequests', async (req, res) => {
  const id = String(++last);
  const version = req.query['api-version'];
  const search = version ? `?api-version=${version}` : ''; // the client's, of the backends' too
  try {
    const account = await call('accounts', 'GET', `/accounts/${req.body.account}`);
    await call('package', 'PUT', `/packages/${id}${search}`, { size: req.body.size });
    const carrier = await assign({ delivery: id, size: req.body.size });
    await call('delivery', 'PUT', `/internal/deliveries/${id}`, { owner: account.owner, drone: carrier.id });
    res.status(202).location(`/api/deliveries/${id}`).json({ id });
  } catch (error) {
    res.status(502).json({ error: error.message });
  }
});
app.get('/internal/queue', (req, res) => res.json({ last }));
app.listen(8080, () => console.log('scheduler listening'));
