// The gRPC client: `node client.js TARGET CASE [JSON]` plays one case over one channel and prints
// JSON lines: what happened on the way, and {result} at its end. A call that failed is {code, details}.
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, name, json] = process.argv.slice(2);
const options = JSON.parse(json || '{}');
const { epaulet } = grpc.loadPackageDefinition(loader.loadSync(`${__dirname}/echo.proto`, { keepCase: true, longs: Number, defaults: true }));
const echo = new epaulet.test.Echo(target, grpc.credentials.createInsecure(), options.channel || {});
const tell = (what) => console.log(JSON.stringify(what));
const sleep = (milliseconds) => new Promise((go) => { setTimeout(go, milliseconds); });
const withDeadline = (milliseconds) => (milliseconds ? { deadline: Date.now() + milliseconds } : {});

function failure(error) {
  const binary = error.metadata.get('grpc-status-details-bin')[0];
  return {
    code: error.code,
    details: error.details,
    binary: binary ? binary.toString('hex') : null,
    word: error.metadata.get('test-word')[0] || null,
  };
}

/// Resolves always: {code: 0, answer, head, trailers, ms}, or the failure.
function unary(method, request = {}, metadata = new grpc.Metadata(), more = {}) {
  const began = Date.now();
  return new Promise((done) => {
    const seen = {};
    const call = echo[method](request, metadata, more, (error, answer) => {
      // The status, with the trailers, comes in the same turn, after the answer.
      setImmediate(() => done({ ...(error ? failure(error) : { code: 0, answer }), ...seen, ms: Date.now() - began }));
    });
    call.on('metadata', (head) => { seen.head = head; });
    call.on('status', (status) => { seen.trailers = status.metadata; });
    if (more.cancel_after) setTimeout(() => call.cancel(), more.cancel_after);
  });
}

/// Ends with the call: its code, and what each message gave to `on_message`.
function drain(call, on_message = () => {}) {
  return new Promise((done) => {
    call.on('data', on_message);
    call.on('error', () => {});
    call.on('status', (status) => done({ code: status.code, details: status.details }));
  });
}

const cases = {
  /// `method`, `request`, `deadline_ms`, `cancel_after`
  async call() {
    const more = { ...withDeadline(options.deadline_ms), cancel_after: options.cancel_after };
    const { head, trailers, ...told } = await unary(options.method, options.request, undefined, more);
    return told;
  },

  /// Text and binary metadata, two values of a name, there and back in head and trailers.
  async metadata() {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const sent = new grpc.Metadata();
    sent.add('test-text', 'first');
    sent.add('test-text', 'second; with = and "');
    sent.add('test-all-bin', all);
    sent.add('test-odd-bin', Buffer.from([0]));
    sent.add('test-none-bin', Buffer.alloc(0));
    const told = await unary('Unary', { number: 7 }, sent);
    const same = (got, prefix) => Object.keys(sent.getMap()).every((key) => {
      const [left, right] = [sent.get(key), got.get(prefix + key)];
      // Values of one name may be joined by a comma on their way (RFC 9110 section 5.3).
      return Buffer.isBuffer(left[0])
        ? Buffer.concat(left).equals(Buffer.concat(right)) : left.join(', ') === right.join(', ');
    });
    return { code: told.code, number: told.answer.number, head: same(told.head, ''), trailers: same(told.trailers, 'trailer-') };
  },

  /// A message of `bytes` there and back.
  async large() {
    const payload = Buffer.alloc(options.bytes);
    for (let at = 0; at < payload.length; at += 1) payload[at] = (at * 31) ^ (at >> 8);
    const told = await unary('Unary', { payload });
    return { code: told.code, same: told.code === 0 && payload.equals(told.answer.payload) };
  },

  /// Messages of List must come in order.
  async list() {
    let count = 0;
    let in_order = true;
    const call = echo.List(options.request, withDeadline(options.deadline_ms));
    const began = Date.now();
    const told = await drain(call, (message) => {
      count += 1;
      in_order = in_order && message.number === count;
      tell({ got: message.number });
      if (count === options.cancel_at) call.cancel();
    });
    return { ...told, count, in_order, ms: Date.now() - began };
  },

  /// `count` messages of `bytes`, `pause_ms` between them.
  async collect() {
    const began = Date.now();
    const told = await new Promise((done) => {
      const call = echo.Collect((error, answer) => done(error ? failure(error) : { code: 0, answer }));
      call.on('error', () => {});
      (async () => {
        const payload = Buffer.alloc(options.bytes, 'c');
        for (let number = 1; number <= options.count; number += 1) {
          if (!call.write({ number, payload })) await new Promise((go) => { call.once('drain', go); });
          if (options.pause_ms) await sleep(options.pause_ms);
        }
        call.end();
      })();
    });
    return { ...told, ms: Date.now() - began };
  },

  /// The next message is sent when the last was answered, `pause_ms` later.
  async talk() {
    const call = echo.Talk();
    let count = 0;
    let in_order = true;
    const began = Date.now();
    const next = () => (count < options.count ? call.write({ number: count + 1 }) : call.end());
    next();
    const told = await drain(call, (message) => {
      count += 1;
      in_order = in_order && message.number === count;
      setTimeout(next, options.pause_ms || 0);
    });
    return { ...told, count, in_order, ms: Date.now() - began };
  },

  /// `count` calls one after the other: who answered how often.
  async spread() {
    const by = {};
    for (let number = 0; number < options.count; number += 1) {
      const told = await unary('Unary', { number });
      const who = told.code === 0 ? told.answer.by : `code ${told.code} ${told.details}`;
      by[who] = (by[who] || 0) + 1;
    }
    return by;
  },

  /// `count` calls of Wait at once: how often each code.
  async crowd() {
    const codes = {};
    const began = Date.now();
    const all = await Promise.all(Array.from({ length: options.count }, () => unary('Wait', { pause_ms: options.pause_ms })));
    for (const { code } of all) codes[code] = (codes[code] || 0) + 1;
    return { codes, ms: Date.now() - began };
  },

  /// `streams` of List whose messages nobody reads until SIGUSR2; meanwhile unary calls.
  async deaf() {
    const calls = Array.from({ length: options.streams }, () => echo.List(options.request));
    calls.forEach((call) => { call.on('error', () => {}); call.pause(); });
    const wanted = new Promise((go) => { process.once('SIGUSR2', go); });
    await Promise.all(calls.map((call) => new Promise((go) => { call.once('metadata', go); })));
    tell({ deaf: calls.length });
    let slowest = 0;
    let failed = 0;
    for (let number = 0; number < 30; number += 1) {
      const told = await unary('Unary', { number, payload: Buffer.alloc(20000) }, undefined, withDeadline(2000));
      failed += told.code === 0 ? 0 : 1;
      slowest = Math.max(slowest, told.ms);
      await sleep(30);
    }
    tell({ unary_failed: failed, slowest });
    await wanted;
    const counts = await Promise.all(calls.map(async (call) => {
      let count = 0;
      const ended = drain(call, () => { count += 1; });
      call.resume();
      return { code: (await ended).code, count };
    }));
    return { failed, slowest, counts };
  },
};

cases[name]().then((result) => { tell({ result }); echo.close(); process.exit(0); });
