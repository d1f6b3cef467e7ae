// The gRPC app: `node server.js PORT NAME`. Prints a JSON line for each thing a test may ask about:
// {listening}, {call, deadline_ms, peer}, {cancelled}, {peak} (calls of Wait at once), {listed} (all
// of a List is written).
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [port, name] = process.argv.slice(2);
const { epaulet } = grpc.loadPackageDefinition(loader.loadSync(`${__dirname}/echo.proto`, { keepCase: true, longs: Number, defaults: true }));
const tell = (what) => console.log(JSON.stringify(what));

function begun(call, method) {
  const deadline = call.getDeadline();
  tell({
    call: method,
    deadline_ms: deadline === Infinity ? null : deadline - Date.now(),
    peer: call.metadata.get('x-epaulet-peer')[0] || null,
  });
  call.on('cancelled', () => tell({ cancelled: method }));
}

/// The caller's own metadata: first with the head, then with the trailers.
function mirror(call) {
  const [head, trailers] = [new grpc.Metadata(), new grpc.Metadata()];
  for (const key of Object.keys(call.metadata.getMap())) {
    if (!key.startsWith('test-')) continue;
    for (const value of call.metadata.get(key)) {
      head.add(key, value);
      trailers.add(`trailer-${key}`, value);
    }
  }
  call.sendMetadata(head);
  return trailers;
}

const flaky = {};
let waiting = 0;
let peak = 0;

const methods = {
  Unary(call, done) {
    begun(call, 'Unary');
    done(null, { ...call.request, by: name }, mirror(call));
  },
  Secret(call, done) {
    begun(call, 'Secret');
    done(null, { by: name });
  },
  Fail(call, done) {
    begun(call, 'Fail');
    const metadata = new grpc.Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
    metadata.set('test-word', 'why');
    done({ code: grpc.status.NOT_FOUND, details: 'no such thing: 100 % ünïcode\n', metadata });
  },
  Flaky(call, done) {
    begun(call, 'Flaky');
    const { number, count } = call.request;
    flaky[number] = (flaky[number] || 0) + 1;
    if (flaky[number] > count) return done(null, { by: name });
    return done({ code: grpc.status.UNAVAILABLE, details: 'not yet' });
  },
  Wait(call, done) {
    begun(call, 'Wait');
    waiting += 1;
    if (waiting > peak) { peak = waiting; tell({ peak }); }
    const leave = () => { waiting -= 1; };
    call.on('cancelled', leave);
    if (call.request.pause_ms === 0) return;
    setTimeout(() => { if (!call.cancelled) { leave(); done(null, { by: name }); } }, call.request.pause_ms);
  },
  async List(call) {
    begun(call, 'List');
    const { count, pause_ms: pause, bytes } = call.request;
    const payload = Buffer.alloc(bytes, 'p');
    for (let number = 1; number <= count && !call.cancelled; number += 1) {
      if (pause > 0 && number > 1) await new Promise((go) => { setTimeout(go, pause); });
      if (!call.write({ number, payload, by: name })) {
        await new Promise((go) => { call.once('drain', go); call.once('cancelled', go); });
      }
    }
    call.end();
    tell({ listed: count, cancelled: call.cancelled });
  },
  Collect(call, done) {
    begun(call, 'Collect');
    let [count, bytes] = [0, 0];
    call.on('data', (message) => { count += 1; bytes += message.payload.length; });
    call.on('end', () => done(null, { count, bytes, by: name }));
  },
  Talk(call) {
    begun(call, 'Talk');
    call.on('data', (message) => call.write({ ...message, by: name }));
    call.on('end', () => call.end());
  },
};

const server = new grpc.Server();
server.addService(epaulet.test.Echo.service, methods);
server.bindAsync(`[::]:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  tell({ listening: name });
});
