-- What wrk measured, as one line of JSON. Only `done` is defined: a request or response hook would
-- run Lua for every exchange and make the load generator the bottleneck.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'result {"requests": %d, "duration_us": %d, "p50_us": %.1f, "p99_us": %.1f, "errors": '
      .. '{"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}\n',
    summary.requests, summary.duration, latency:percentile(50.0), latency:percentile(99.0),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
