// Publishes a service's events to the broker: each stays here until the broker says that it keeps it.
// The service's own answers never wait for that.
'use strict';

const { connect, JSONCodec } = require('nats');

const STREAM = 'EVENTS';
const AGAIN_MS = 250;
const RECONNECT = {
  servers: 'broker.default:4222',
  waitOnFirstConnect: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: AGAIN_MS,
  reconnectJitter: 0,
  pingInterval: 2000,
  maxPingOut: 1,
  timeout: 2000,
};
const codec = JSONCodec();
const pause = () => new Promise((done) => { setTimeout(done, AGAIN_MS); });

/// Says on stdout how often the connection was lost.
function watch(connection) {
  (async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') console.log(JSON.stringify({ nats: type }));
    }
  })();
  return connection;
}

/// The stream, made by whichever service comes first, and kept on the broker's disk.
async function stream(open) {
  for (;;) {
    try {
      const manager = await open.jetstreamManager({ timeout: 2000 });
      await manager.streams.add({ name: STREAM, subjects: ['events.>'] });
      return;
    } catch (error) {
      await pause();
    }
  }
}

let ready;

async function begin() {
  const open = watch(await connect(RECONNECT));
  await stream(open);
  return open.jetstream({ timeout: 2000 });
}

/// Its id lets the broker keep once what was sent twice, because an acknowledgement was lost.
async function publish(kind, delivery) {
  const id = `${kind}-${delivery}`;
  ready ??= begin();
  const events = await ready;
  for (;;) {
    try {
      const kept = await events.publish(`events.${kind}`, codec.encode({ id }), { msgID: id });
      console.log(JSON.stringify({ published: id, again: kept.duplicate }));
      return;
    } catch (error) {
      await pause();
    }
  }
}

module.exports = { RECONNECT, STREAM, codec, pause, publish, watch };
