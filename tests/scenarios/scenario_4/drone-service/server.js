// Drone Management: which drone carries what. A backend.
'use strict';

const express = require('express');

const app = express();
app.use(express.json());
app.put('/drones/assigned/:delivery', (req, res) => res.status(201).json({ id: `drone-${req.params.delivery}` }));
app.get('/drones', (req, res) => res.json([]));
app.listen(8080, () => console.log('drone listening'));
