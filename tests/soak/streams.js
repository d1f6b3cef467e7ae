// Streams at once on one connection of HTTP/2 without TLS: `streams.js HOST PORT STREAMS CALL`, the
// body of each request on standard input. Prints one line a stream, "STATUS ANSWER" or why it failed.
"use strict";
const http2 = require("node:http2");

const [host, port, streams, call] = process.argv.slice(2);
const body = require("node:fs").readFileSync(0);
const session = http2.connect(`http://${host}:${port}`);
session.setTimeout(20000, () => session.destroy(new Error("20 s without a word")));
session.on("error", (error) => console.log(error.message));

let left = Number(streams);
for (let one = 0; one < streams; ++one) {
  const method = body.length > 0 ? "POST" : "GET";
  const stream = session.request({ ":method": method, ":path": "/ask", "x-call": call });
  let status = 0;
  let answer = "";
  stream.setEncoding("utf8");
  stream.on("response", (head) => { status = head[":status"]; });
  stream.on("data", (piece) => { answer += piece; });
  stream.on("error", (error) => { answer += error.message; });
  stream.on("close", () => {
    console.log(`${status} ${answer}`);
    if (--left === 0) session.close();
  });
  if (body.length > 0) stream.end(body);
}
