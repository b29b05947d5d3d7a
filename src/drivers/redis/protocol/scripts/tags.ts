/** Lua scripts that read and invalidate tags through their markers (the stored versions of tags). */
import * as Limits from "../../../../internal/defaults/redis.ts"
import { countInvalidation, readSequence } from "./lua.ts"
import type { Source } from "./script.ts"

/** A marker is a 12-byte version and the sequence of invalidations at its creation. Other values are not markers. */
const isMarker = (found: string) => `type(${found}) == "string" and toCount(string.sub(${found}, 13))`

const marker = `local function marker(t, version)
  local found = textOf(t)
  if ${isMarker("found")} then
    local left = redis.call("PTTL", t)
    if left >= 0 and left < ${Limits.markerMillis / 2} then redis.call("PEXPIRE", t, ${Limits.markerMillis}) end
    return found
  end
  redis.call("SET", t, version .. seq, "PX", ${Limits.markerMillis})
  return version .. seq
end
`

/** A marker never expires if an entry with its tag never does. A damaged key always gets an expiry. */
export const invalidate = `local function invalidate(t, version)
  local left = redis.call("PTTL", t)
  local found = (mode == "soft" or left == -1) and redis.pcall("GET", t)
  local known = ${isMarker("found")}
  if known and mode == "soft" then version = string.sub(found, 1, 6) .. string.sub(version, 7) end
  if known and left == -1 then redis.call("SET", t, version .. seq)
  else redis.call("SET", t, version .. seq, "PX", math.max(left, ${Limits.markerMillis})) end
end
`

type TagSources = Readonly<Record<"markers" | "count" | "invalidate", Source>>

const count: Source = { keys: ["s"], args: [], whenFull: true, body: `${countInvalidation}return { seq }\n` }

const onServer: TagSources = {
  count,
  /** Returns the markers of tags. Creates the markers that are missing or damaged. */
  markers: {
    keys: ["s"],
    args: [],
    body: `${readSequence}${marker}local markers = { seq }
for i = 3, #KEYS do markers[i - 1] = marker(KEYS[i], ARGV[i - 1]) end
return markers
`
  },
  invalidate: {
    tells: `true`,
    keys: ["s"],
    args: ["mode"],
    whenFull: true,
    body: `${countInvalidation}${invalidate}for i = 3, #KEYS do invalidate(KEYS[i], ARGV[i + 2]) end\nreturn 1\n`
  }
}

/** On a cluster, tags are in different slots. A script gets the sequence as an argument. */
const onCluster: TagSources = {
  count,
  markers: { keys: ["t"], args: ["seq", "version"], body: `${marker}return { marker(t, version) }\n` },
  invalidate: {
    tells: `true`,
    keys: [],
    args: ["mode", "seq"],
    whenFull: true,
    body: `${invalidate}for i = 1, #KEYS do invalidate(KEYS[i], ARGV[i + 4]) end\nreturn 1\n`
  }
}

export const tags = (isCluster: boolean) => isCluster ? onCluster : onServer
