// Delivery: what becomes of each. Its owner may look at it; the scheduler alone makes one, of which
// an event tells.
'use strict';

const express = require('express');
const events = require('../events');

const deliveries = new Map();
const app = express();
app.use(express.json());
app.get('/api/deliveries/:id', (req, res) => {
  const found = deliveries.get(req.params.id);
  if (!found) return res.status(404).json({ error: 'no such delivery' });
  res.json({ id: req.params.id, ...found });
});
app.put('/internal/deliveries/:id', (req, res) => {
  deliveries.set(req.params.id, req.body);
  events.publish('delivery-scheduled', req.params.id);
  res.status(201).json(req.body);
});
app.get('/internal/deliveries', (req, res) => res.json([...deliveries.keys()]));
app.listen(8080, () => console.log('delivery listening'));
