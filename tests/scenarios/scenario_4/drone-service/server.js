// Drone Management: which drone carries what. A backend, and the one that speaks gRPC; it
// publishes each assignment.
'use strict';

const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const events = require('../events');

const { drone } = grpc.loadPackageDefinition(loader.loadSync(`${__dirname}/../drone.proto`));
const server = new grpc.Server();
server.addService(drone.Drones.service, {
  assign: (call, callback) => {
    console.log(JSON.stringify({ assigned: call.request.delivery }));
    events.publish('drone-assigned', call.request.delivery);
    callback(null, { id: `drone-${call.request.delivery}` });
  },
});
server.bindAsync('[::]:8080', grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log('drone listening');
});
