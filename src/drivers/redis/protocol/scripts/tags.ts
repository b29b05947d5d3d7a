/** Lua scripts that read the markers (the stored versions) of tags, and count invalidations. */
import * as Limits from "../../../../internal/defaults/redis.ts"
import { countInvalidation, readSequence } from "./lua.ts"
import type { Sources } from "./script.ts"

/** A marker is a 12-byte version and the sequence of invalidations at its creation. Other values are not markers. */
export const isMarker = (found: string) => `type(${found}) == "string" and toCount(string.sub(${found}, 13))`

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

export const tags = (isCluster: boolean) => ({
  count: { keys: ["s"], args: [], whenFull: true, body: `${countInvalidation}return { seq }\n` },
  /** Returns the markers of tags. Creates the markers that are missing or damaged. */
  markers: isCluster
    // On a cluster, tags are in different slots. The script gets the sequence as an argument.
    ? { keys: ["t"], args: ["seq", "version"], body: `${marker}return { marker(t, version) }\n` }
    : {
      keys: ["s"],
      args: [],
      body: `${readSequence}${marker}local markers = { seq }
for i = 3, #KEYS do markers[i - 1] = marker(KEYS[i], ARGV[i - 1]) end
return markers
`
    }
} satisfies Sources)
