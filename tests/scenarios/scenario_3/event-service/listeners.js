// The services that listen for events. What is meant for the world hooks into the prefix `www.`,
// the rest is for services alone.
'use strict';

const named = (name) => (event) => event === name || event.startsWith(`${name}/`);

module.exports = [
  {
    service: 'my-normal-service',
    hears: named('www.my-service'),
    answer: () => ({ response: [1, 2, 3, { name: 'John Doe' }] }),
  },
  {
    service: 'my-service-with-auth',
    hears: named('www.my-service'),
    answer: () => ({ status: 403, response: { message: 'Missing Authentication Token' } }),
  },
  {
    service: 'mirror',
    hears: named('www.mirror'),
    answer: (payload, event) => ({ response: { event, payload } }),
  },
  {
    service: 'accounts',
    hears: named('accounts'),
    answer: () => ({ response: { secret: 'for services alone' } }),
  },
];
