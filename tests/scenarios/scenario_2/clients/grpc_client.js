// A gRPC client of user.proto: `node grpc_client.js TARGET` plays every kind of call, prints JSON.
'use strict';

const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, name, count = '1'] = process.argv.slice(2);
const { user } = grpc.loadPackageDefinition(
  loader.loadSync(`${__dirname}/../user.proto`, { keepCase: true, defaults: true }));
// "retrying": grpc-js' own retries, as its service config has them.
const policy = {
  maxAttempts: 3, initialBackoff: '0.05s', maxBackoff: '0.1s', backoffMultiplier: 2, retryableStatusCodes: ['UNAVAILABLE'],
};
const config = { methodConfig: [{ name: [{ service: 'user.UserService' }], retryPolicy: policy }] };
const options = name === 'retrying' ? { 'grpc.service_config': JSON.stringify(config) } : {};
const client = new user.UserService(target, grpc.credentials.createInsecure(), options);
const unary = (method, request) => new Promise((done) => {
  client[method](request, (error, answer) => {
    done(error ? { code: error.code, details: error.details } : { code: 0, answer });
  });
});
const collect = (call) => new Promise((done) => {
  const got = [];
  call.on('data', (one) => got.push(one.name));
  call.on('error', (error) => done({ code: error.code, got }));
  call.on('end', () => done({ code: 0, got }));
});

async function all() {
  const chat = client.chat();
  const chatted = collect(chat);
  for (const word of ['one', 'two']) chat.write({ name: word });
  chat.end();
  return {
    get: await unary('getUser', { id: 1 }),
    missing: await unary('getUser', { id: 77 }),
    update: await unary('updateUser', { id: 2, name: 'Grace H.' }),
    list: await collect(client.listUsers({ page: 1, page_size: 2 })),
    chat: await chatted,
  };
}
async function codes() {
  const told = [];
  for (let call = 0; call < Number(count); call += 1) {
    told.push((await unary('getUser', { id: 1 })).code);
  }
  return { told };
}
async function retrying() {
  const began = Date.now();
  const { code } = await unary('getUser', { id: 1 });
  return { code, ms: Date.now() - began };
}
({ all, codes, retrying })[name]().then((said) => {
  console.log(JSON.stringify(said));
  client.close();
});
