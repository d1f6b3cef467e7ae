// The event service: POST /event {"event", "payload"} asks every listener of that event and answers
// with an array of their responses.
'use strict';

const express = require('express');
const listeners = require('./listeners');

const app = express();
app.use(express.json({ limit: '1mb' }));

app.post('/event', async (request, response) => {
  const { event, payload } = request.body;
  console.log(JSON.stringify({ event }));
  const concerned = listeners.filter((listener) => listener.hears(event));
  const answers = concerned.map(async (listener) => {
    const { status = 200, response: said } = await listener.answer(payload, event);
    return { response: said, status, service: listener.service };
  });
  response.json(await Promise.all(answers));
});

app.listen(8080, () => console.log('event service listening on 8080'));
