// Headless chromium in a pod, told what to do over HTTP on loopback by browser.py: `driver.js PORT`.
//
//   POST /open  {"url", "before"}     a page in a browser profile of its own; answers {"page": N};
//                                     `before` is JavaScript that runs before the page's own
//   POST /run   {"page", "expression"} what the expression yields in the page, promises awaited
//   POST /close {"page"}
//
// An answer is {"result"}, or {"error"} with status 500. What pages do is told on standard output,
// a JSON line each: {"page", "console"|"response"|"failed"|"websocket"|"websocket_closed": ...}.
'use strict';

const http = require('http');
const { chromium } = require('playwright-core');

const pages = [];
const tell = (line) => process.stdout.write(JSON.stringify(line) + '\n');

async function open(browser, { url, before }) {
  const context = await browser.newContext();
  if (before) await context.addInitScript(before);
  const page = await context.newPage();
  const number = pages.push(page) - 1;
  const note = (what) => tell({ page: number, ...what });
  page.on('console', (message) => note({ console: message.text() }));
  page.on('pageerror', (error) => note({ console: `uncaught: ${error.message}` }));
  page.on('response', (one) => note({ response: one.url(), status: one.status() }));
  page.on('requestfailed', (one) => note({ failed: one.url(), why: one.failure().errorText }));
  page.on('websocket', (socket) => {
    note({ websocket: socket.url() });
    socket.on('close', () => note({ websocket_closed: socket.url() }));
  });
  await page.goto(url);
  return { page: number };
}

async function main() {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  const verbs = {
    '/open': (wish) => open(browser, wish),
    '/run': (wish) => pages[wish.page].evaluate(wish.expression),
    '/close': (wish) => pages[wish.page].context().close(),
  };
  const server = http.createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    let answer;
    try {
      const result = await verbs[request.url](JSON.parse(text));
      answer = { result: result === undefined ? null : result };
    } catch (error) {
      answer = { error: String(error.message) };
    }
    response.writeHead(answer.error === undefined ? 200 : 500);
    response.end(JSON.stringify(answer));
  });
  server.listen(Number(process.argv[2]), '127.0.0.1', () => tell({ listening: browser.version() }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
