const fetch = require('isomorphic-fetch');

const express = require('express');
const app = express();

//your routes here
app.get('/hello', function (req, res) {
    const url = 'http://api2.default/respond';
    const options = {
      method: 'GET'
    };
    fetch(url, options).then(
      (response) => {
        if (response.ok) {
          response.text().then(
            (t) => {
              // Send the response received from api2
              res.send(t);
            });
        } else {
          res.status(500)
            .send('Error from api2: ' + response.status.toString());
        }
      },
      (error) => {
        console.error(error);
        res.status(500).send('Internal error contacting api2');
      });
});


app.listen(8080, function () {
  console.log('Example app listening on port 8080!');
});
