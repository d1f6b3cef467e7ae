// Packages: what is carried. A backend.
'use strict';

const express = require('express');

const packages = new Map();
const app = express();
app.use(express.json());
app.put('/packages/:id', (req, res) => {
  packages.set(req.params.id, req.body);
  res.status(201).json(req.body);
});
app.get('/packages/:id', (req, res) => res.json(packages.get(req.params.id) || null));
app.listen(8080, () => console.log('package listening'));
