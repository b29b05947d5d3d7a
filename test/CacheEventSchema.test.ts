/** The schemas of the events, through JSON and back. */
import { DateTime, Schema } from "effect"
import type { CacheEvent } from "effect-cached"
import { CacheEventSchema } from "effect-cached/schemas"
import { describe, expect, it } from "vitest"

const of = { id: "User:1", keyClass: "User" } as const

/** Each kind of event, with each value of its fields in turn. */
const events: {
  readonly [Kind in CacheEvent.CacheEvent["_tag"]]: ReadonlyArray<CacheEvent.Events[Kind]>
} = {
  Hit: [{ ...of, source: "memory" }, { ...of, source: "store" }],
  Miss: [of, { id: "text", keyClass: undefined }],
  Joined: [of],
  Load: (["success", "failure", "interrupted", "notModified"] as const).map((outcome) => ({
    ...of,
    outcome,
    refresh: true,
    millis: 1.5,
    ...outcome === "success" ? { bytes: 300 } : {}
  })),
  Restart: [{ ...of, millis: 200 }],
  Refresh: [of],
  Stale: [{ ...of, ageMillis: 2 }],
  Set: [of],
  Refused: (["changed", "stale", "inherit", "dependency"] as const).map((because) => ({ ...of, because })),
  LostSet: [of],
  Evict: [{ ...of, ageMillis: 2 }],
  Removed: (["evicted", "expired", "replaced", "invalidated", "unverified"] as const).map((cause) => ({
    ...of,
    cause,
    ageMillis: 2,
    ...cause === "invalidated" ? { by: "another process" } as const : {}
  })),
  Waited: [{ ...of, millis: 12 }],
  Invalidate: [{ ids: ["a"], tags: [], mode: "hard", all: false }, { ids: [], tags: ["t"], mode: "soft", all: true }],
  StoreFailure: [{ operation: "get", reason: "Timeout" }],
  Circuit: [{ state: "open" }, { state: "closed" }],
  Tracking: [{ state: "tracked" }, { state: "untracked" }],
  Slow: [{ operation: "get", millis: 120 }],
  Lost: [{ count: 3 }]
}

describe("the schema of events", () => {
  it.each(Object.entries(events))("%s goes through JSON and comes back", (_tag, variants) => {
    for (const fields of variants) {
      const event = { _tag, ...fields } as CacheEvent.CacheEvent
      const json = JSON.parse(JSON.stringify(Schema.encodeSync(CacheEventSchema.CacheEvent)(event)))
      expect(Schema.decodeUnknownSync(CacheEventSchema.CacheEvent)(json)).toEqual(event)
    }
  })

  it("refuses what is no event", () => {
    const decode = Schema.decodeUnknownSync(CacheEventSchema.CacheEvent)
    expect(() => decode({ _tag: "Loaded", id: "a" })).toThrow()
    expect(() => decode({ _tag: "Removed", id: "a", cause: "forgotten" })).toThrow()
  })

  it("has time and cache in a record", () => {
    const record = { time: DateTime.makeUnsafe(0), cache: "pages", event: { _tag: "Miss", ...of } as const }
    const json = Schema.encodeSync(CacheEventSchema.Recorded)(record)
    expect(json.time).toBe("1970-01-01T00:00:00.000Z")
    expect(Schema.decodeSync(CacheEventSchema.Recorded)(json)).toEqual(record)
  })
})
