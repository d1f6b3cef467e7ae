// The User Service: REST on 3002, gRPC on 50051. It has no token, key, timeout, retry or breaker.
'use strict';

const express = require('express');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const mood = require('../mood');

const users = [
  { id: 1, name: 'Ada', email: 'ada@example.com', created_at: '2026-01-01' },
  { id: 2, name: 'Grace', email: 'grace@example.com', created_at: '2026-01-02' },
  { id: 3, name: 'Edsger', email: 'edsger@example.com', created_at: '2026-01-03' },
];
const find = (id) => users.find((user) => user.id === Number(id));

const app = express();
app.use(express.json());
app.use(mood.http);
app.get('/users/:id', (req, res) => {
  const user = find(req.params.id);
  if (!user) return res.status(404).json({ error: 'no such user' });
  res.json(user);
});
app.put('/users/:id', (req, res) => res.json(Object.assign(find(req.params.id), req.body)));
app.get('/orders-of/:id', (req, res) => res.json([]));
app.get('/users/:id/profile', (req, res) => res.json({ profile: find(req.params.id) }));
app.post('/reports/generate', (req, res) => res.status(201).json({ report: req.body.userId }));
app.listen(3002, () => console.log('User Service listening on 3002'));

const { user } = grpc.loadPackageDefinition(
  loader.loadSync(`${__dirname}/../user.proto`, { keepCase: true, defaults: true }));
const server = new grpc.Server();
server.addService(user.UserService.service, {
  getUser: (call, callback) => {
    const found = find(call.request.id);
    const code = mood.grpc();
    if (code) return callback({ code, message: 'out of order' });
    if (found) return callback(null, found);
    callback({ code: grpc.status.NOT_FOUND, message: `User ${call.request.id} not found` });
  },
  listUsers: (call) => {
    for (const one of users.slice(0, call.request.page_size)) call.write(one);
    call.end();
  },
  updateUser: (call, callback) => callback(null, Object.assign({}, find(call.request.id), call.request)),
  chat: (call) => {
    call.on('data', (message) => call.write({ ...message, name: message.name.toUpperCase() }));
    call.on('end', () => call.end());
  },
});
server.bindAsync('0.0.0.0:50051', grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log('gRPC server running on port 50051');
});
