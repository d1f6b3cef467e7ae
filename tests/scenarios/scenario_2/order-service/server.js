// The Order Service on 3001: fetches the user, creates the order, notifies. Its calls are plain
// axios: no timeout, retry, breaker, key or token of its own.
'use strict';

const axios = require('axios');
const express = require('express');

const orders = new Map();
const app = express();
app.use(express.json());

app.get('/orders', (req, res) => {
  res.json([...orders.values()].filter((order) => order.userId === Number(req.query.userId)));
});
app.post('/orders', async (req, res) => {
  try {
    const { data: user } = await axios.get(`http://user-service:3002/users/${req.body.userId}`);
    const order = { id: orders.size + 1, userId: user.id, for: user.name, items: req.body.items };
    orders.set(order.id, order);
    await axios.post('http://notification-service:3003/notifications', { order: order.id, to: user.email });
    res.status(201).json(order);
  } catch (error) {
    const status = error.response?.status;
    console.error(`order failed: ${error.message}`);
    res.status(status === 404 ? 404 : 502).json({ error: error.message, status });
  }
});
app.listen(3001, () => console.log('Order Service listening on 3001'));
