-- For wrk: one request, signed once, sent as often as the server answers. Arguments: body, then name=value headers.
-- Every request carries the signature, and the server verifies each one anew.
local signed

function init(args)
  local headers = {}
  for i = 2, #args do
    local name, value = args[i]:match("^(.-)=(.*)$")
    headers[name] = value
  end
  signed = wrk.format("POST", "/", headers, args[1])
end

function request()
  return signed
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{"requests": %d, "duration_s": %f, "errors": %d, "p50_ms": %f, "p99_ms": %f}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
