/**
 * The schemas of a cache's events, for programs that store events or send them to other processes. They are separate
 * from `CacheEvent`, so that programs that do not need these schemas do not bundle them.
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { StoreError } from "./CacheError.ts"
import * as CacheErrorSchema from "./CacheErrorSchema.ts"
import type * as Event from "./CacheEvent.ts"

const ofId = { id: Schema.String, keyClass: Schema.optional(Schema.String) }
const strings = Schema.Array(Schema.String)

/** Makes the schema of one kind of event. The compiler compares its fields with those of the event. */
const event = <const Tag extends Event.CacheEvent["_tag"], const Fields extends Schema.Struct.Fields>(
  tag: Tag,
  fields: Fields
) => Schema.Struct({ _tag: Schema.tag(tag), ...fields })

const all = Schema.Union([
  event("Hit", { ...ofId, source: Schema.Literals(["memory", "store"]) }),
  event("Miss", ofId),
  event("Joined", ofId),
  event("Load", {
    ...ofId,
    outcome: Schema.Literals(["success", "failure", "interrupted", "notModified"]),
    refresh: Schema.Boolean,
    millis: Schema.Finite,
    bytes: Schema.optional(Schema.Finite)
  }),
  event("Restart", { ...ofId, millis: Schema.Finite }),
  event("Refresh", ofId),
  event("Stale", { ...ofId, ageMillis: Schema.Finite }),
  event("Set", ofId),
  event("Refused", { ...ofId, because: Schema.Literals(["changed", "stale", "inherit", "dependency"]) }),
  event("LostSet", ofId),
  event("Evict", { ...ofId, ageMillis: Schema.Finite }),
  event("Removed", {
    ...ofId,
    cause: Schema.Literals(["evicted", "expired", "replaced", "invalidated", "unverified"]),
    ageMillis: Schema.Finite,
    by: Schema.optional(Schema.Literals(["this process", "another process"]))
  }),
  event("Waited", { ...ofId, millis: Schema.Finite }),
  event("Invalidate", {
    ids: strings,
    tags: strings,
    mode: Schema.Literals(["hard", "soft"]),
    all: Schema.Boolean,
    actor: Schema.optional(Schema.String)
  }),
  event("StoreFailure", { operation: Schema.String, reason: CacheErrorSchema.of(StoreError).from.fields.reason }),
  event("Circuit", { state: Schema.Literals(["open", "closed"]) }),
  event("Tracking", { state: Schema.Literals(["tracked", "untracked"]) }),
  event("Slow", { operation: Schema.String, millis: Schema.Finite }),
  event("Lost", { count: Schema.Finite })
])

/**
 * The schema of all events of a cache. Ids may contain personal data, and events have them.
 *
 * **Example** (Sending an event as JSON)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheEventSchema } from "effect-cached/schemas"
 *
 * const event = { _tag: "Waited", id: "User:1", keyClass: "User", millis: 3 } as const
 * const json = Schema.encodeSync(CacheEventSchema.CacheEvent)(event)
 * json // => { _tag: "Waited", id: "User:1", keyClass: "User", millis: 3 }
 * ```
 *
 * @see {@link Recorded} for events with their time and cache
 * @category schemas
 * @since 0.1.0
 */
export const CacheEvent: Schema.Codec<Event.CacheEvent, typeof all.Encoded> =
  // A decoded event without a key class has no field `keyClass`, which reads as `undefined`.
  all as Schema.Codec<any, typeof all.Encoded>

/**
 * The schema of an event with its time and the name of its cache: a line of a log of events.
 *
 * **Example** (Writing lines of JSON)
 *
 * ```ts
 * import { DateTime, Effect, Fiber, Stream } from "effect"
 * import { Ndjson } from "effect/encoding"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { CacheEventSchema } from "effect-cached/schemas"
 *
 * const lines = Cached.events({ of: ["Miss", "Load"] }).pipe(
 *   Stream.mapEffect((event) => Effect.map(DateTime.now, (time) => ({ time, cache: "pages", event }))),
 *   Stream.take(1),
 *   Stream.pipeThroughChannel(Ndjson.encodeSchemaString(CacheEventSchema.Recorded)())
 * )
 * const [line] = await Effect.runPromise(Effect.gen(function*() {
 *   const writing = yield* Effect.forkChild(Stream.runCollect(lines), { startImmediately: true })
 *   yield* Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 *   return yield* Fiber.join(writing)
 * }).pipe(Effect.provide(CacheLayer.memory())))
 * line?.replace(/"time":"[^"]*"/, "…") // => '{…,"cache":"pages","event":{"_tag":"Miss","id":"answer"}}\n'
 * ```
 *
 * @see {@link CacheEvent} for events alone
 * @category schemas
 * @since 0.1.0
 */
export const Recorded = Schema.Struct({ time: Schema.DateTimeUtcFromString, cache: Schema.String, event: CacheEvent })
