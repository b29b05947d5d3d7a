/** Lua fragments that several scripts share. */
import * as Frame from "../../../../internal/codec/frame.ts"

export const nowMillis = `local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

export const nowMicros = `local time = redis.call("TIME")
local micros = time[1] * 1000000 + time[2]
`

export const indented = (lua: string): string => lua.replaceAll("\n", "\n  ")

/** Whether a stored value comes from another program or a newer release. A truncated entry is not foreign. */
export const isForeign = (begin: string): string =>
  `type(${begin}) ~= "string" or string.sub(${begin}, 1, 2) ~= "ec" or (string.byte(${begin}, 3) or 0) > ${Frame.format}`

/** Reads the sequence of invalidations. A lost sequence restarts at the current time, which exceeds earlier numbers. */
export const readSequence = `local seq = toCount(textOf(s))
if not seq then
  ${indented(nowMicros)}seq = string.format("%.0f", micros)
  redis.call("SET", s, seq)
end
`

export const countInvalidation =
  `${nowMicros}local seq = string.format("%.0f", math.max(micros, tonumber(toCount(textOf(s)) or "0") + 1))
redis.call("SET", s, seq)
`

/** Takes the next of the values that `protocol/packed.ts` has packed into one argument. */
export const takeValue = (at: string, value: string): string =>
  `local a, b, c, d = string.byte(packed, ${at}, ${at} + 3)
local size = a * 16777216 + b * 65536 + c * 256 + d
${value} = string.sub(packed, ${at} + 4, ${at} + 3 + size)
${at} = ${at} + 4 + size
`
