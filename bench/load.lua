-- The load, for wrk: prepared requests, one for each token of a file, presented in random order.
-- Arguments after "--": the file, a header's name, what precedes the token in it, and a body's pattern ("" for GET);
-- in the body "%s" is the token. With a body pattern the header's value is fixed: what "precedes the token" is all of it.

local requests, count = {}, 0
local random = math.random

function init(arguments)
  local name, before, pattern = arguments[2], arguments[3] or "", arguments[4] or ""
  for token in io.lines(arguments[1]) do
    count = count + 1
    if pattern == "" then
      requests[count] = wrk.format("GET", nil, name ~= "" and {[name] = before .. token} or nil)
    else
      local headers = {["Content-Type"] = "application/x-www-form-urlencoded"}
      if name ~= "" then headers[name] = before end
      requests[count] = wrk.format("POST", nil, headers, (pattern:gsub("%%s", function() return token end)))
    end
  end
  math.randomseed(os.time())
end

function request()
  return requests[random(count)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.4f, '
      .. '"p99_ms": %.4f, "p999_ms": %.4f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3
  ))
end
