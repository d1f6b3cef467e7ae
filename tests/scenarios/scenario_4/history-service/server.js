// Delivery History: writes down every event, once, in a file; what it has acknowledged is written.
'use strict';

const fs = require('fs');
const { connect, AckPolicy } = require('nats');
const { RECONNECT, STREAM, codec, pause, watch } = require('../events');

const FILE = '/run/history/events';
const NAME = 'history';
const ACK_WAIT_NS = 1e9;
const written = new Set(fs.existsSync(FILE) ? fs.readFileSync(FILE, 'utf8').split('\n').filter(Boolean) : []);

function take(message) {
  const { id } = codec.decode(message.data);
  if (written.has(id)) {
    console.log(JSON.stringify({ redelivered: id }));
  } else {
    fs.appendFileSync(FILE, `${id}\n`);
    written.add(id);
  }
  message.ack();
}

/// The broker remembers under NAME what was acknowledged, whether or not somebody is connected.
async function subscribe(open) {
  const manager = await open.jetstreamManager({ timeout: 2000 });
  await manager.consumers.add(STREAM, {
    durable_name: NAME, ack_policy: AckPolicy.Explicit, ack_wait: ACK_WAIT_NS, max_ack_pending: 100,
  });
  const consumer = await open.jetstream({ timeout: 2000 }).consumers.get(STREAM, NAME);
  console.log(JSON.stringify({ subscribed: NAME }));
  for await (const message of await consumer.consume({ max_messages: 20, expires: 2000 })) take(message);
}

(async () => {
  console.log('history listening');
  const open = watch(await connect({ ...RECONNECT, name: NAME }));
  for (;;) {
    try {
      await subscribe(open);
    } catch (error) {
      await pause();
    }
  }
})();
