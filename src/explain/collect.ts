/** Collects the facts about an id from the engine and, within the budget of a read, from the store. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { withStrategy } from "../cached/combine.ts"
import type { Stored } from "../CacheEntry.ts"
import { StoreError } from "../CacheError.ts"
import type { Operation } from "../internal/engine/boundCache.ts"
import type { Engine } from "../internal/engine/engine.ts"
import * as Watches from "../internal/engine/flight/watches.ts"
import type { Entry } from "../internal/engine/memory/entry.ts"
import { isOfStream } from "../internal/engine/memory/manifest.ts"
import * as TagEpochs from "../internal/engine/memory/tagEpochs.ts"
import { flightToJoin } from "../internal/engine/read/read.ts"
import { refusal } from "../internal/engine/read/validate.ts"
import * as Policy from "../internal/engine/request/callPolicy.ts"
import { readContextOf } from "../internal/engine/request/context.ts"
import { declaredTags } from "../internal/engine/request/requestTags.ts"
import { answerOrDefect } from "../internal/engine/request/rules.ts"
import type { Flight, Request } from "../internal/engine/state.ts"
import { ask, budgetOf } from "../internal/engine/storeTier/ask.ts"
import * as Circuit from "../internal/engine/storeTier/circuit.ts"
import { decodeNow, revive, tagNames } from "../internal/engine/storeTier/codec.ts"
import { areAmong, check, type Checked, isOver, placeOf } from "../internal/engine/storeTier/fetch.ts"
import * as Pending from "../internal/engine/storeTier/pendingInvalidations.ts"
import { Rejected, type StoreTier } from "../internal/engine/storeTier/storeTier.ts"
import { ownWrite } from "../internal/engine/storeTier/written.ts"
import { idOf, infoOf, type Key, tagsOf } from "../internal/key/ofKey.ts"
import { isSoftened } from "../internal/store/markers/markers.ts"
import { monotonicNow } from "../internal/time/monotonic.ts"
import type { Strategy } from "../Strategy.ts"
import type { Answer, Explained, Fact, Facts, Status } from "./facts.ts"
import type { History } from "./history.ts"
import { copyOf, predict } from "./predict.ts"

export interface Subject {
  readonly key: Key
  /** `undefined` if only the key is known. */
  readonly request: Request | undefined
}

/** Stands for the strategy of a key alone: by chance, it loads what is no longer fresh, or serves it. */
const unknown: Strategy<unknown, unknown, unknown> = {
  name: "unknown",
  lifetime: () => "skip",
  decide: (entry, now, random) => {
    if (now >= entry!.expiresAt) return "Load"
    if (now < entry!.softExpiresAt) return "Serve"
    return random() < 0.5 ? "Load" : "LoadOrStale"
  }
}

export const explain: Operation<[subject: Subject], Effect.Effect<Explained, never, any>> = {
  over: (engine, subject) => Effect.withFiber((fiber) => collect(engine, fiber, subject)),
  without: ({ key }) =>
    Effect.clockWith((clock) => {
      const at = clock.currentTimeMillisUnsafe()
      const next: ReadonlyArray<Answer> = [{ at, source: "uncached", refresh: false, fallback: false }]
      const facts: ReadonlyArray<Fact> = [{ _tag: "NotUsed", because: "disabled" }]
      return Effect.succeed({
        id: idOf(key),
        keyClass: infoOf(key)?.name,
        at,
        status: "notKnown" as const,
        facts,
        next
      })
    }),
  keyOf: ({ key }) => key
}

const collect = Effect.fnUntraced(function*(
  engine: Engine,
  fiber: Fiber.Fiber<any, any>,
  { key, request: known }: Subject
): Effect.fn.Return<Explained, never, any> {
  const id = idOf(key)
  // As a read does first, applies the changes by other processes.
  const { policy, within } = readContextOf(engine, fiber)
  engine.tagEpochs.ensureTracking?.()
  const { storeTier: tier } = engine
  const isUsed = !policy.bypass
  const request = known ?? requestFor(engine, key)
  const found = tier === undefined || !isUsed || engine.closed
    ? undefined
    : yield* lookUnchanged(engine, lookIn(engine, tier, policy, request), id)
  // All that follows is one step, after the answer of the store.
  const now = engine.time.now(yield* Clock.Clock)
  const facts: Array<Fact> = []
  if (!isUsed || engine.closed) facts.push({ _tag: "NotUsed", because: isUsed ? "closed" : "bypassed" })
  const memory = engine.memory.entries.get(id)
  const isGone = memory !== undefined && TagEpochs.changedSince(engine.tagEpochs, memory.tags, memory.checkedAt)
  const inMemory = memory === undefined || isGone ? undefined : copyOf(memory)
  if (inMemory !== undefined && TagEpochs.softenedSince(engine.tagEpochs, inMemory.tags, inMemory.checkedAt)) {
    inMemory.softExpiresAt = -Infinity
  }
  if (memory !== undefined) facts.push(memoryFact(inMemory ?? memory, isGone))
  const past = memory === undefined ? (engine.history as History | undefined)?.pastOf(id) : undefined
  if (past === "forgotten") facts.push({ _tag: "Past", cause: past })
  // The store still has what was stored in it: the next fact says so.
  else if (past !== undefined && (past.cause !== "stored" || found?.entry === undefined)) {
    facts.push({ _tag: "Past", ...past })
  }
  facts.push(...tagFacts(engine, memory, found))
  if (found !== undefined) facts.push(found.fact)
  if (tier !== undefined) facts.push(...pendingFacts(tier, id, memory?.tags ?? tagsOf(key)))
  const memoryUntil = tier?.untracked === true ? tier.polledAt + tier.maxStalenessMillis : Infinity
  if (memoryUntil < Infinity) facts.push({ _tag: "Untracked", until: memoryUntil })
  const reader = { engine, fiber, id, policy, request }
  facts.push(...flightFacts(engine, flightToJoin({ ...reader, policy: Policy.standard }, undefined), id))
  const pause = engine.retryAt.get(id)
  if (pause !== undefined && pause.until > now) facts.push({ _tag: "RetryAfter", until: pause.until })
  if (engine.answered.has(id)) facts.push({ _tag: "NoFallback" })
  if (tier !== undefined && Circuit.isOpen(tier.circuit)) {
    facts.push({ _tag: "Circuit", until: tier.circuit.openUntil })
  }
  if (known !== undefined) facts.push({ _tag: "Strategy", name: request.strategy.name })
  const inStore = found?.entry === undefined ? undefined : copyOf(found.entry)
  const tiers = { inMemory, inStore, stored: inStore, memoryUntil }
  const next = predict({ ...reader, engine, now, isUsed, within, ...tiers })
  const entry = [inMemory, inStore].find((entry) => entry !== undefined && now < entry.expiresAt)
  const was = memory !== undefined || found?.wasStored === true || (past !== undefined && past !== "forgotten")
  return { id, keyClass: infoOf(key)?.name, at: now, status: statusOf(engine, { entry, was, past, now }), facts, next }
})

/** Stands for the read of a key alone, which reads a stream if the key's last read did. */
const requestFor = (engine: Engine, key: Key): Request => {
  const id = idOf(key)
  const request = readOf(Effect.never, key, { strategy: unknown })
  const memory = engine.memory.entries.get(id)
  const isStream = memory === undefined
    ? engine.flights.get(id)?.request.followed !== undefined
    : isOfStream(memory)
  return isStream ? Object.create(request, { followed: { value: () => {} } }) as Request : request
}

const readOf = withStrategy as (load: Effect.Effect<never>, key: Key, options: object) => Request

interface Known {
  readonly entry: Entry | undefined
  readonly was: boolean
  readonly past: unknown
  readonly now: number
}

const statusOf = (engine: Engine, { entry, now, past, was }: Known): Status => {
  if (entry !== undefined) return now < entry.softExpiresAt ? "fresh" : "stale"
  if (was) return "gone"
  return engine.history === undefined || past === "forgotten" ? "notKnown" : "neverSeen"
}

const memoryFact = (entry: Entry, isGone: boolean): Fact => {
  const { createdAt, expiresAt, loadMillis, memoryExpiresAt, outcome, reads, softExpiresAt, tags } = entry
  return {
    _tag: "Memory",
    createdAt,
    softExpiresAt,
    expiresAt,
    outcome,
    tags,
    loadMillis,
    reads,
    memoryExpiresAt: memoryExpiresAt === -Infinity ? undefined : memoryExpiresAt,
    isGone
  }
}

interface Looked {
  readonly fact: Fact
  readonly entry: Entry | undefined
  readonly wasStored: boolean
  readonly invalidated: ReadonlyMap<string, "hard" | "soft">
}

/** Looks once more if the id was changed meanwhile. */
const lookUnchanged = (engine: Engine, look: Effect.Effect<Looked, never, any>, id: string) =>
  Effect.suspend(() => {
    const watch = Watches.begin(engine)
    return Effect.ensuring(
      Effect.flatMap(look, (found) => Watches.hasChanged(engine, watch, id) ? look : Effect.succeed(found)),
      Effect.sync(() => Watches.end(engine))
    )
  })

/** Asks the store as a read does, but notes no damage, counts no read and puts nothing in memory. */
const lookIn = Effect.fnUntraced(function*(
  engine: Engine,
  tier: StoreTier,
  policy: Policy.Policy,
  request: Request
): Effect.fn.Return<Looked, never, any> {
  const { key } = request
  const id = idOf(key)
  const store = tier.store.name
  const nothing = { entry: undefined, wasStored: false, invalidated: new Map() }
  const clock = yield* Clock.Clock
  const unacknowledged = (): Looked | undefined => {
    if (!Pending.isPending(tier.pending, id)) return undefined
    const entry = ownWrite(tier, id, clock.currentTimeMillisUnsafe())
    return { ...nothing, entry, fact: { _tag: "StoreSilent", store, because: "pending", reason: undefined } }
  }
  const before = unacknowledged()
  if (before !== undefined) return before
  const budget = budgetOf(tier, policy)
  const bornAt = TagEpochs.epochNow(engine.tagEpochs)
  // A read with invalid options dies before it asks for anything.
  let tags = refusal(engine, request) === undefined ? declaredTags(engine, request) : tagsOf(key)
  let answer = yield* ask(tier, budget, "get", tier.store.get(id, tags))
  if (!(answer instanceof StoreError) && answer.entry !== undefined && !areAmong(answer.entry.meta.tags, tags)) {
    tags = tagNames(answer.entry.meta.tags)
    answer = yield* ask(tier, budget, "get", tier.store.get(id, tags))
  }
  const since = unacknowledged()
  if (since !== undefined) return since
  if (answer instanceof StoreError) {
    return { ...nothing, fact: { _tag: "StoreSilent", store, because: "failed", reason: answer.reason } }
  }
  const { entry: stored, versions } = answer
  if (stored === undefined) return { ...nothing, fact: { _tag: "Store", store, state: "absent", frame: undefined } }
  const { meta } = stored
  const invalidated = new Map<string, "hard" | "soft">()
  for (const [i, { tag, version }] of meta.tags.entries()) {
    const current = versions[placeOf(tags, tag, i)]
    if (current !== version) {
      invalidated.set(tag, current !== undefined && isSoftened(version, current) ? "soft" : "hard")
    } else if (TagEpochs.changedSince(engine.tagEpochs, [tag], bornAt)) invalidated.set(tag, "hard")
  }
  const now = clock.currentTimeMillisUnsafe()
  // A serializer that does not hold the values of the class throws, as `Csv` does for a class of streams.
  const checked = answerOrDefect(() => check(tier, { key, id, stored, bornAt, now, tags, versions }))
  const entry = yield* decoded(tier, { key, stored, bornAt, now }, checked)
  const frame = {
    createdAt: meta.createdAt,
    softExpiresAt: "softened" in checked && checked.softened ? -Infinity : meta.softExpiresAt,
    expiresAt: meta.expiresAt,
    outcome: meta.outcome,
    tags: tagNames(meta.tags),
    bytes: stored.payload.byteLength,
    serializer: meta.serializer
  }
  return {
    wasStored: true,
    invalidated,
    entry: typeof entry === "string" ? undefined : entry,
    fact: { _tag: "Store", store, state: typeof entry === "string" ? entry : "found", frame }
  }
})

interface Decoding {
  readonly key: Key
  readonly stored: Stored
  readonly bornAt: number
  readonly now: number
}

const decoded = (
  tier: StoreTier,
  { bornAt, key, now, stored }: Decoding,
  checked: Checked | Rejected | Exit.Exit<never>
): Effect.Effect<Entry | Exclude<Facts["Store"]["state"], "found">, never, any> => {
  const id = idOf(key)
  if (checked instanceof Rejected || Exit.isExit(checked)) {
    const isInvalid = checked instanceof Rejected && checked.isInvalid !== false
    return Effect.succeed(isOver(tier, stored.meta, now) ? "expired" : isInvalid ? "invalidated" : "foreign")
  }
  const { codec, softened } = checked
  return Effect.map(
    Effect.exit(Effect.suspend(() => decodeNow(codec, stored.payload, id, stored.meta))),
    (exit) => Exit.isSuccess(exit) ? revive(tier, { key, id, stored, exit, bornAt, softened }) : "undecodable"
  )
}

/** The invalidated tags of the entry in memory and of that in the store. */
const tagFacts = (engine: Engine, memory: Entry | undefined, found: Looked | undefined): ReadonlyArray<Fact> => {
  const { tagEpochs } = engine
  const modes = new Map<string, "hard" | "soft">(found?.invalidated)
  const history = engine.history as History | undefined
  for (const tag of memory?.tags ?? []) {
    // Memory drops entries even for a soft invalidation by another process. The store knows better.
    if (modes.has(tag)) continue
    const change = history?.tagChange(tag)
    const isSoft = TagEpochs.softenedSince(tagEpochs, [tag], memory!.checkedAt) ||
      (memory!.softExpiresAt === -Infinity && change?.mode === "soft" && change.at >= memory!.createdAt)
    if (TagEpochs.changedSince(tagEpochs, [tag], memory!.checkedAt)) modes.set(tag, "hard")
    else if (isSoft) modes.set(tag, "soft")
  }
  return Array.from(modes, ([tag, mode]) => {
    const change = history?.tagChange(tag)
    return { _tag: "Tag", tag, mode, by: change?.by, at: change?.at }
  })
}

const pendingFacts = ({ pending }: StoreTier, id: string, tags: ReadonlyArray<string>): ReadonlyArray<Fact> => {
  const facts: Array<Fact> = []
  const add = (item: Pending.Item | undefined, target: "id" | "tag" | "all", tag?: string): void => {
    if (item === undefined) return
    const isWrite = target === "id" && item.write !== undefined
    facts.push({ _tag: "Pending", target: isWrite ? "write" : target, tag, isFirst: !pending.unsent.has(item) })
  }
  add(pending.ids.get(id), "id")
  for (const tag of tags) add(pending.tags.get(tag), "tag", tag)
  add(pending.all, "all")
  return facts
}

const flightFacts = (engine: Engine, joinable: Flight | undefined, id: string): ReadonlyArray<Fact> => {
  const flights = new Set([engine.flights.get(id), ...engine.running.all()])
  const now = monotonicNow(engine)
  return Array.from(flights).flatMap((flight): ReadonlyArray<Fact> => {
    if (flight === undefined || flight.id !== id || flight.phase === "Ended") return []
    const { attempt: { startedAt }, callers, lease, phase, refresh } = flight
    const facts: Array<Fact> = []
    const heldUntil = lease?.heldUntil ??
      Array.from(engine.leaseWaits.waiting.get(id) ?? []).find((wait) => wait.flight === flight)?.heldUntil
    if (heldUntil !== undefined) {
      facts.push({ _tag: "Lease", own: lease !== undefined, forMillis: Math.max(0, heldUntil - now) })
    }
    facts.push({ _tag: "Flight", phase, startedAt, callers: callers.size, refresh, joinable: flight === joinable })
    return facts
  })
}
