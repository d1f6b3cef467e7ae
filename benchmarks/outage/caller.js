// An open loop: RATE requests a second from BEGIN (a time in ms) for SECONDS, whatever becomes of them.
//   node caller.js BEGIN SECONDS RATE TIMEOUT_MS URL...     # several URLs: in turn, as clients without a mesh do
// Each one's time counts from when it was due, so that none is missed while others wait. At its end a
// line of JSON: [due after BEGIN, how long it took, its status or 0], in ms.
'use strict';

const http = require('http');

const [begin, seconds, rate, timeout] = process.argv.slice(2, 6).map(Number);
const urls = process.argv.slice(6);
const agents = urls.map(() => new http.Agent({ keepAlive: true }));
const total = Math.round(seconds * rate);
const told = [];
let next = 0;

function ask(number) {
  const due = begin + (number * 1000) / rate;
  const at = number % urls.length;
  let settled = false;
  const settle = (status) => {
    if (settled) return;
    settled = true;
    told.push([Math.round(due - begin), Math.round((Date.now() - due) * 10) / 10, status]);
    if (told.length < total) return;
    process.stdout.write(`${JSON.stringify({ told })}\n`, () => process.exit(0));
  };
  const request = http.get(urls[at], { agent: agents[at] }, (response) => {
    response.resume().on('end', () => settle(response.statusCode)).on('error', () => settle(0));
  });
  setTimeout(() => { if (!settled) { settle(0); request.destroy(); } }, Math.max(0, due + timeout - Date.now()));
  request.on('error', () => settle(0));
}

const timer = setInterval(() => {
  while (next < total && Date.now() >= begin + (next * 1000) / rate) {
    ask(next);
    next += 1;
  }
  if (next === total) clearInterval(timer);
}, 1);
console.log('calling');
