// The Notification Service on 3003.
'use strict';

const express = require('express');
const mood = require('../mood');

const sent = [];
const app = express();
app.use(express.json());
app.use(mood.http);
app.post('/notifications', (req, res) => {
  sent.push(req.body);
  res.status(202).json({ queued: sent.length });
});
app.get('/notifications', (req, res) => res.json(sent));
app.listen(3003, () => console.log('Notification Service listening on 3003'));
