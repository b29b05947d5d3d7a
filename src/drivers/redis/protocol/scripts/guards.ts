/**
 * Lua scripts of guards. They do the same as `src/internal/guard/`, and a test compares both on random inputs.
 * In tests, the first argument is the current time. Otherwise it is empty, and the script uses the server's clock and
 * lets the state expire. The second one is the input as JSON. Scripts return numbers as text, to keep all digits.
 */
import { slotsOfWindow } from "../../../../internal/guard/circuit.ts"
import type { Sources } from "./script.ts"

const damaged = "DAMAGED"

/**
 * Lua helpers. `number` reads a stored number, and raises an error for one that no step can have written. `expire`
 * makes the server delete a guard's state once it can no longer have any effect.
 */
const prelude = `local input = cjson.decode(given)
local now = tonumber(at)
if not now then
  local time = redis.call("TIME")
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function number(found)
  local value = tonumber(found)
  if not (value and value >= 0 and value < math.huge) then error("${damaged}") end
  return value
end
local function text(number) return string.format("%.17g", number) end
local function texts(numbers)
  for i = 1, #numbers do numbers[i] = text(numbers[i]) end
  return numbers
end
local function expire(millis)
  if at == "" then redis.call("PEXPIRE", g, text(math.min(math.max(1, math.ceil(millis)), 2 ^ 50))) end
end
`

const fixedWindow = `local limit, window, ban = input.limit, input.windowMillis, input.banMillis
local held = redis.call("HMGET", g, "c", "u", "b")
local count, untilTime, isBan = number(held[1] or "0"), number(held[2] or "0"), held[3] == "1"
local function keep()
  redis.call("HSET", g, "c", text(count), "u", text(untilTime), "b", isBan and "1" or "0")
  expire(untilTime - now)
end
local function refuse()
  keep()
  return texts({ 0, 0, untilTime - now })
end
if not held[1] or untilTime <= now then
  count, untilTime, isBan = 1, now + window, false
  keep()
  return texts({ 1, limit - count, 0 })
end
untilTime = math.min(untilTime, now + (isBan and ban or window))
if isBan then
  if input.renewsBan then untilTime = now + ban end
  return refuse()
end
if count < limit then
  count = count + 1
  keep()
  return texts({ 1, limit - count, 0 })
end
if ban > 0 then untilTime, isBan = now + ban, true end
return refuse()
`

const slidingLog = `local limit, window = input.limit, input.windowMillis
local first = redis.call("LINDEX", g, 0)
while first and number(first) <= now - window do
  redis.call("LPOP", g)
  first = redis.call("LINDEX", g, 0)
end
local length = redis.call("LLEN", g)
for i = length - 1, 0, -1 do
  if number(redis.call("LINDEX", g, i)) <= now then break end
  redis.call("LSET", g, i, text(now))
end
if length >= limit then
  expire(number(redis.call("LINDEX", g, -1)) + window - now)
  return texts({ 0, 0, number(redis.call("LINDEX", g, length - limit)) + window - now })
end
redis.call("RPUSH", g, text(now))
expire(window)
return texts({ 1, limit - length - 1, 0 })
`

const slidingCounter = `local limit, window = input.limit, input.windowMillis
local held = redis.call("HMGET", g, "t", "b", "c")
local started, before, count = number(held[1] or "0"), number(held[2] or "0"), number(held[3] or "0")
if not held[1] or now >= started + 2 * window then started, before, count = now, 0, 0
elseif now < started then started = now
elseif now >= started + window then started, before, count = started + window, count, 0 end
local elapsed = now - started
local sum = before * (1 - elapsed / window) + count
local answer
if sum + 1 > limit + 1e-9 then
  local wait
  if count + 1 <= limit then wait = window * (1 - (limit - 1 - count) / before)
  else wait = window * (2 - (limit - 1) / count) end
  answer = { 0, 0, math.max(1, math.ceil(wait - elapsed)) }
else
  count = count + 1
  answer = { 1, math.max(0, math.floor(limit - sum - 1)), 0 }
end
redis.call("HSET", g, "t", text(started), "b", text(before), "c", text(count))
expire(started + 2 * window - now)
return texts(answer)
`

const bucket = `local tokens, limit, refill = input.tokens, input.limit, input.refillMillis
local held = redis.call("HMGET", g, "n", "t")
local since = math.min(number(held[2] or now), now)
local refilled = math.floor((now - since) / refill)
local available = math.min(limit, number(held[1] or limit) + refilled)
local refilledAt = available >= limit and now or since + refilled * refill
local remaining = available - tokens
local kept = remaining >= 0 and remaining or available
local elapsed = math.max(0, now - refilledAt)
redis.call("HSET", g, "n", text(kept), "t", text(refilledAt))
expire(math.ceil(math.ceil(limit - kept) * refill - elapsed))
return texts({ remaining, elapsed })
`

const circuit = `local op, idle, probe, outcome = input._tag, input.idleMillis, input.probeMillis, input.outcome
local open, longest = 0, 0
if input.openTime then open, longest = input.openTime.millis, input.openTime.longestMillis end
local names = { "g", "s", "t", "u", "o", "om", "pm", "r", "x" }
local held = redis.call("HMGET", g, "p", "l", "w", unpack(names))
local phases = { Closed = true, Open = true, HalfOpen = true }
local exists = phases[held[1]] and number(held[#held]) > now
local function nextGeneration(generation) return math.max(generation + 1, now * 1000) end
local v = {}
for i, name in ipairs(names) do v[name] = exists and number(held[i + 3]) or 0 end
local phase, last = exists and held[1] or "Closed", exists and held[2] or ""
local slots = exists and held[3] or ""
if not exists then v.g = nextGeneration(0) end
local from = phase
local function forget()
  last, slots, v.s, v.t = "", "", 0, 0
end
local function opened(since)
  v.om = math.min(open * 2 ^ v.o, longest)
  v.g = math.max(v.g + 1, since * 1000)
  phase, v.u, v.o, v.pm, v.r = "Open", since + v.om, v.o + 1, 0, 0
  forget()
end
local function answer(admitted)
  return { phase, from, admitted and "1" or "0", text(v.g), text(v.o), text(math.max(0, v.u - now)) }
end
local function keep(admitted)
  v.x = math.max(now, v.u, v.r) + idle
  local fields = { "p", phase, "l", last, "w", slots }
  for _, name in ipairs(names) do
    fields[#fields + 1] = name
    fields[#fields + 1] = text(v[name])
  end
  redis.call("HSET", g, unpack(fields))
  expire(v.x - now)
  return answer(admitted)
end
if op == "Read" then return answer(false) end
if op == "Admit" then
  local most = phase == "Open" and v.om or v.pm
  if v.u > now + most then v.u = now + most end
  if phase == "Closed" then
    if v.o > 0 and now >= v.r then v.o = 0 end
    return keep(true)
  end
  if phase == "HalfOpen" and v.u > 0 and now >= v.u and longest > 0 then opened(v.u) end
  if now < v.u then return keep(false) end
  phase, v.g, v.u, v.pm = "HalfOpen", nextGeneration(v.g), now + probe, probe
  return keep(true)
end
local generation, trip = input.generation, input.trip
local failures, rate, minimum = trip.failures, trip.rate, trip.minimumCalls
local window, calls = trip.windowMillis, trip.windowCalls
if v.g ~= generation or phase == "Open" then return keep(false) end
if phase == "HalfOpen" then
  if outcome == "Failure" then opened(now)
  elseif outcome == "Ignored" then v.g, v.u = nextGeneration(generation), 0
  else
    phase, v.g, v.u, v.pm, v.r = "Closed", nextGeneration(generation), 0, 0, now + v.om
    forget()
  end
  return keep(false)
end
if outcome == "Ignored" then return keep(false) end
local failed = outcome == "Failure" and 1 or 0
v.s = failed == 1 and v.s + 1 or 0
last = calls == 0 and "" or string.sub(last .. failed, -calls)
if window > 0 then
  local slot = math.floor(now / (window / ${slotsOfWindow}))
  local list = {}
  for i = 1, math.min(${slotsOfWindow}, math.max(0, slot - v.t)) do list[i] = { 0, 0 } end
  for c, f in string.gmatch(slots, "(%d+)/(%d+)") do list[#list + 1] = { number(c), number(f) } end
  if not list[1] then list[1] = { 0, 0 } end
  list[1] = { list[1][1] + 1, list[1][2] + failed }
  slots, v.t, v.c, v.f = "", slot, 0, 0
  for i = 1, math.min(#list, ${slotsOfWindow}) do
    slots = slots .. text(list[i][1]) .. "/" .. text(list[i][2]) .. " "
    v.c, v.f = v.c + list[i][1], v.f + list[i][2]
  end
end
local function above(all, bad) return all >= minimum and bad > 0 and bad / all >= rate end
local trips = failures > 0 and v.s >= failures
if not trips and calls > 0 then
  local _, bad = string.gsub(last, "1", "")
  trips = above(#last, bad)
elseif not trips and window > 0 then
  trips = above(v.c, v.f)
end
if trips then opened(now) end
return keep(false)
`

const mergeBits = `local merged = {}
for i = 1, #ARGV, 2 do
  redis.call("SET", a, ownOf("HGET", g, ARGV[i]) or "")
  redis.call("SET", b, ARGV[i + 1])
  redis.call("BITOP", "OR", a, a, b)
  merged[#merged + 1] = redis.call("GET", a)
  redis.call("HSET", g, ARGV[i], merged[#merged])
end
redis.call("UNLINK", a, b)
return merged
`

/** If a script fails because the guard's state has a wrong type or damaged numbers, retries it without the state. */
const healing = (body: string): string =>
  `local function attempt()
${body}end
local isDone, answer = pcall(attempt)
if isDone then return answer end
local said = type(answer) == "table" and answer.err or answer
if not (string.find(said, "WRONGTYPE") or string.find(said, "${damaged}")) then return { err = said } end
redis.call("UNLINK", g)
return attempt()
`

const ofKind = (body: string) => ({
  keys: ["g"],
  args: ["at", "given"],
  withoutEra: true,
  body: prelude + healing(body)
})

export const guards = {
  fixedWindow: ofKind(fixedWindow),
  slidingLog: ofKind(slidingLog),
  slidingCounter: ofKind(slidingCounter),
  bucket: ofKind(bucket),
  circuit: ofKind(circuit),
  readBits: { keys: ["g"], args: [], withoutEra: true, body: `return ownOf("HMGET", g, unpack(ARGV))\n` },
  mergeBits: { keys: ["g", "a", "b"], args: [], withoutEra: true, body: mergeBits },
  removeBits: { keys: ["g"], args: [], withoutEra: true, whenFull: true, body: `return redis.call("UNLINK", g)\n` }
} satisfies Sources
