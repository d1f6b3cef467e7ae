// Packages, the second version of the API: what is carried, and how it is handled. A backend.
'use strict';

const express = require('express');

const packages = new Map();
const app = express();
app.use(express.json());
app.put('/packages/:id', (req, res) => {
  packages.set(req.params.id, { ...req.body, handling: req.body.handling || 'normal' });
  res.status(201).json(packages.get(req.params.id));
});
app.get('/packages/:id', (req, res) => res.json(packages.get(req.params.id) || null));
app.listen(8080, () => console.log('package2 listening'));
