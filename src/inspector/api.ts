/** The protocol between an inspector and those who look: its page, `effect-cached top`, and programs. */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { CacheEvent } from "../CacheEventSchema.ts"
import { inspector as limits } from "../internal/defaults/options.ts"

const { Array: list, Boolean, Finite, NullOr, String, Struct, optionalKey } = Schema

const text = String.check(Schema.isMaxLength(limits.longestText))

/** The process that answers. Numbers, flights, events and entries of memory are those of this process alone. */
const Process = Struct({ id: String, host: String, pid: Finite, startedAt: Finite })

/** In every answer. `at` is the time of the process. */
const common = { process: Process, at: Finite }

const Counts = Schema.Record(String, Finite)

/** Ten seconds of a cache. `loadMillis` and `storeMillis` are the median and the 95th percentile. */
const times = NullOr(Schema.Tuple([Finite, Finite]))
const Slot = Struct({
  at: Finite,
  counts: Counts,
  loadMillis: times,
  storeMillis: times,
  incidents: list(Schema.Literals(["store", "untracked", "circuit", "loads"]))
})

const Cache = Struct({
  name: String,
  /** Whether ids and tags are shown as they are, or as `CacheLayer.withTelemetry` says. */
  isPlain: Boolean,
  counts: Counts,
  classes: Schema.Record(String, Counts),
  size: Finite,
  weight: Finite,
  /** `null`: without a limit. */
  capacity: NullOr(Finite),
  isWeighed: Boolean,
  hasCurve: Boolean,
  flights: Finite,
  waiters: Finite,
  refreshQueue: Finite,
  store: NullOr(
    Struct({ name: String, pending: Finite, isUntracked: Boolean, isOpen: Boolean, isFailing: Boolean })
  ),
  slots: list(Slot)
})

/** Times are epoch milliseconds, and `null` is never. A `softAt` before `createdAt` is a soft invalidation. */
const Entry = Struct({
  id: String,
  keyClass: NullOr(String),
  createdAt: Finite,
  softAt: NullOr(Finite),
  expiresAt: NullOr(Finite),
  isFresh: Boolean,
  reads: Finite,
  weight: Finite,
  tags: list(String),
  dependsOn: list(String),
  outcome: Schema.Literals(["success", "failure"]),
  loadMillis: Finite
})

const Flight = Struct({
  id: String,
  keyClass: NullOr(String),
  phase: Schema.Literals(["Queued", "AskingStore", "AwaitingLease", "Loading", "Storing"]),
  kind: Schema.Literals(["load", "refresh", "stream"]),
  ageMillis: NullOr(Finite),
  waiters: Finite,
  holdsLease: Boolean,
  isStorable: Boolean,
  isLate: Boolean,
  parent: NullOr(Finite),
  waitsFor: list(Finite)
})

const Overview = Struct({
  ...common,
  actor: String,
  isReadOnly: Boolean,
  showsValues: Boolean,
  /** Since when slots are kept: numbers of before are missing. */
  since: Finite,
  caches: list(Cache)
})

/** A message of the stream. A beat has the slots that have changed since the one before. */
const Message = Schema.Union([
  Struct({ _tag: Schema.tag("Beat"), overview: Overview, flights: list(Flight), flightsLeftOut: Finite }),
  Struct({
    _tag: Schema.tag("Events"),
    events: list(Struct({ at: Finite, event: CacheEvent })),
    /** How many further events there were: a busy cache is sampled. */
    leftOut: Finite
  })
])

/** The place of a cache in the list of the overview. */
const cache = Finite

/** With the id of a process, another one refuses to answer (409). */
const of = { cache, process: optionalKey(text) }

const filter = {
  ...of,
  /** A pattern, as of `Cached.entries`. */
  pattern: optionalKey(text),
  keyClass: optionalKey(text),
  tag: optionalKey(text),
  state: optionalKey(Schema.Literals(["fresh", "stale", "failure"]))
}

/** One pass over memory: how far it is, and at its end what it has found. */
const Pass = Struct({
  ...common,
  isDone: Boolean,
  scanned: Finite,
  of: Finite,
  matched: Finite,
  weight: Finite,
  /** Entries and weight by class, the heaviest first; string keys have no name. */
  classes: list(Struct({ keyClass: NullOr(String), entries: Finite, weight: Finite })),
  entries: list(Entry)
})

const Target = Schema.Union([
  Struct({ key: text }),
  Struct({ tag: text }),
  Struct({ keyClass: text }),
  Struct({ pattern: text }),
  Struct({ all: Schema.Literal(true) })
])

const Explained = Struct({
  ...common,
  entry: NullOr(Entry),
  status: String,
  facts: list(Schema.Record(String, Schema.Json)),
  next: list(Struct({ at: Finite, source: String, refresh: String, fallback: Boolean })),
  value: NullOr(String)
})

const Curve = Struct({
  capacity: Finite,
  reads: Finite,
  share: Finite,
  points: list(Struct({ capacity: Finite, hitRatio: Finite }))
})

const Done = Struct({
  ...common,
  actor: String,
  /** How many entries were invalidated, if that is known. */
  count: NullOr(Finite),
  /** How many invalidations the store has not acknowledged, of all that were sent. `null` without a store. */
  pending: NullOr(Finite)
})

const refusal = (status: number) =>
  Struct({ _tag: Schema.tag("Refused"), status: Schema.Literal(status), message: String }).pipe(
    HttpApiSchema.status(status)
  )

/** Why a request is refused. */
const error = [400, 401, 403, 404, 409, 413, 415, 429, 503].map(refusal)

const reads = HttpApiGroup.make("reads").add(
  /** Numbers of all caches, and their slots of the last hour. */
  HttpApiEndpoint.post("overview", "/overview", { payload: Struct({}), success: Overview, error }),
  /** Beats every two seconds, with the flights of a cache if asked for, and the events of a cache. */
  HttpApiEndpoint.post("live", "/live", {
    payload: Struct({ flights: optionalKey(cache), tail: optionalKey(cache) }),
    success: HttpApiSchema.StreamSse({ data: Message }),
    error
  }),
  /** A page of entries, and the cursor of the next one. */
  HttpApiEndpoint.post("entries", "/entries", {
    payload: Struct({ ...of, cursor: optionalKey(text) }),
    success: Struct({ ...common, entries: list(Entry), cursor: NullOr(String) }),
    error
  }),
  /** A pass over memory in short slices. It stops when the reader leaves. */
  HttpApiEndpoint.post("pass", "/pass", {
    payload: Struct({ ...filter, order: Schema.Literals(["memory", "hottest", "coldest", "heaviest"]) }),
    success: HttpApiSchema.StreamSse({ data: Pass }),
    error
  }),
  /** Entries of the store, at most a hundred. */
  HttpApiEndpoint.post("store", "/store", {
    payload: Struct({ ...of, pattern: optionalKey(text) }),
    success: Struct({ ...common, entries: list(Entry), isAll: Boolean }),
    error
  }),
  /** One id: its entry in memory, its explanation, and its value where that is allowed. */
  HttpApiEndpoint.post("entry", "/entry", {
    payload: Struct({ ...of, id: text }),
    success: Explained,
    error
  }),
  /** The miss-ratio curve of the memory tier. `null` without `curve: true`. */
  HttpApiEndpoint.post("curve", "/curve", {
    payload: Struct(of),
    success: Struct({
      ...common,
      curve: NullOr(Curve)
    }),
    error
  })
)

const acts = HttpApiGroup.make("acts").add(
  /** Invalidates in all processes, as from code. `process` is the id of the process that the act was shown for. */
  HttpApiEndpoint.post("act", "/act", {
    payload: Struct({ process: text, cache, target: Target, mode: Schema.Literals(["hard", "soft"]) }),
    success: Done,
    error
  })
)

/** The endpoints of a read-only inspector. */
export const ReadApi = HttpApi.make("effect-cached/inspector").add(reads)

export const Api = ReadApi.add(acts)

export type Entry = typeof Entry.Type
export type Flight = typeof Flight.Type
export type Slot = typeof Slot.Type
export type Cache = typeof Cache.Type
export type Overview = typeof Overview.Type
export type Message = typeof Message.Type
export type Pass = typeof Pass.Type
export type Target = typeof Target.Type
export type Explained = typeof Explained.Type
export type Curve = typeof Curve.Type
export type Done = typeof Done.Type
export type Process = typeof Process.Type
