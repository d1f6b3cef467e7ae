// The ready-made clients, as the document uses them: `node ready_made.js CASE URL [COUNT]` prints JSON.
'use strict';

const axios = require('axios');
const axiosRetry = require('axios-retry').default;
const CircuitBreaker = require('opossum');

const [name, url, count = '1'] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const status = (error) => error.response?.status ?? error.code ?? error.message;

const cases = {
  /// One GET, or POST of {}: its status and time.
  async get() {
    const began = Date.now();
    const told = await axios.get(url).then((answer) => answer.status, status);
    say({ status: told, ms: Date.now() - began });
  },
  /// One GET that an older answer would do for: its status, what it says, and of what age.
  async old() {
    const told = await axios.get(url, { headers: { 'X-May-Be-Old': 'yes' } });
    say({ status: told.status, name: told.data.name, cache: told.headers['cache-status'] ?? '' });
  },
  async post() {
    const began = Date.now();
    const told = await axios.post(url, {}).then((answer) => answer.status, status);
    say({ status: told, ms: Date.now() - began });
  },
  async put() {
    const began = Date.now();
    const told = await axios.put(url, {}).then((answer) => answer.status, status);
    say({ status: told, ms: Date.now() - began });
  },
  /// axios-retry: three retries of what failed.
  async retry() {
    let retries = 0;
    const client = axios.create();
    axiosRetry(client, {
      retries: 3,
      retryDelay: axiosRetry.exponentialDelay,
      retryCondition: axiosRetry.isNetworkOrIdempotentRequestError,
      onRetry: () => { retries += 1; },
    });
    const began = Date.now();
    const told = await client.get(url).then((answer) => answer.status, status);
    say({ status: told, retries, ms: Date.now() - began });
  },
  /// opossum: COUNT calls, one after the other; what each gave, and what its breaker did.
  async breaker() {
    const events = [];
    const breaker = new CircuitBreaker((path) => axios.get(path), {
      timeout: 12000, errorThresholdPercentage: 50, resetTimeout: 1000, volumeThreshold: 5,
    });
    for (const event of ['open', 'halfOpen', 'close']) breaker.on(event, () => events.push(event));
    const told = [];
    for (let call = 0; call < Number(count); call += 1) {
      // Once it has opened: until it is half open, as a caller that does not give up does.
      while (events[events.length - 1] === 'open') await new Promise((done) => { setTimeout(done, 50); });
      told.push(await breaker.fire(url).then((answer) => answer.status, status));
    }
    say({ told, events });
    breaker.shutdown();
  },
};
cases[name]();
