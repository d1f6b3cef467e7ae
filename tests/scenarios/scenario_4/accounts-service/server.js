// Accounts: who pays for a delivery. A backend: no client outside has anything to ask here.
'use strict';

const express = require('express');

const app = express();
app.get('/accounts/:id', (req, res) => res.json({ id: req.params.id, owner: `owner-${req.params.id}` }));
app.listen(8080, () => console.log('accounts listening'));
