// The API gateway: every call, by REST or Socket.io, becomes an event `www.<api>` of the event
// service at SYSEVENT.
'use strict';

const http = require('http');
const axios = require('axios');
const express = require('express');
const socketio = require('socket.io');

const { SYSEVENT, WEB_PORT = 80, WEB_IP = '0.0.0.0' } = process.env;
if (!SYSEVENT) throw new Error('SYSEVENT must name the event service');

async function trigger(api, payload) {
  const answer = await axios.post(`${SYSEVENT}/event`, { event: `www.${api}`, payload });
  return answer.data;
}

const app = express();
const server = http.createServer(app);
const io = new socketio.Server(server);

const isJson = (request) => request.is('json') || request.is('+json');
app.use('/external*', express.text({ type: (request) => !isJson(request), limit: '1mb' }));
app.use(express.json({ limit: '1mb', strict: false }));
app.use(express.static(`${__dirname}/public`));

const answering = (answer) => async (request, response) => {
  try {
    response.json(await answer(request));
  } catch (error) {
    console.error(`${request.url}: ${error.message}`);
    response.status(502).json({ message: 'the event service cannot be reached' });
  }
};

function payloadOf(request) {
  if (request.method === 'GET') return request.query;
  return isJson(request) ? request.body : { raw: request.body };
}

app.post('/call-api', answering(({ body }) => trigger(body.api, body.payload)));
app.all(['/external/*', '/external-single/*'], answering(async (request) => {
  const responses = await trigger(request.params[0], payloadOf(request));
  if (!request.path.startsWith('/external-single/')) return responses;
  return responses.length ? responses[0].response : null;
}));

io.on('connection', (socket) => {
  socket.on('call', async (api, payload, answer) => {
    try {
      answer({ responses: await trigger(api, payload) });
    } catch (error) {
      answer({ error: error.message });
    }
  });
});

server.listen(WEB_PORT, WEB_IP, () => console.log(`API gateway listening on ${WEB_PORT}`));
