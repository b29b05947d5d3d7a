/** Operations of a test page, in the browser: `globalThis.run(name, ...arguments)`. */
import { Cause, Effect, Exit, Fiber, Layer, ManagedRuntime, Scope } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import type { Ttl } from "effect-cached/adapters"
import { IndexedDbStore } from "effect-cached/indexedDb"
import { PersistenceStore } from "effect-cached/persistence"
import { lastingStoreLaws, type Law, sharedStoreLaws, storeLaws } from "effect-cached/testing"
import { KeyValueStore } from "effect/persistence"
import { singly } from "../../../src/testing/internal/singly.ts"
import { entry } from "../../support/stored.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { probe } from "../probe.ts"

let databases = 0
const fresh = (): string => `laws ${Date.now()} ${databases++}`
const open = (name: string) => storeFrom(IndexedDbStore.layer({ name }))

const inLocalStorage = (prefix: string) =>
  storeFrom(Layer.provide(PersistenceStore.layer({ prefix }), KeyValueStore.layerStorage(() => localStorage)))

const laws: { readonly [subject: string]: () => ReadonlyArray<Law> } = {
  one: () => storeLaws<unknown>(Effect.suspend(() => open(fresh()))),
  two: () =>
    sharedStoreLaws<unknown>(Effect.suspend(() => {
      const name = fresh()
      return Effect.all([open(name), open(name)])
    })),
  again: () =>
    lastingStoreLaws<unknown, unknown>(Effect.sync(() => {
      const name = fresh()
      return { open: open(name) }
    })),
  local: () => storeLaws<unknown>(Effect.suspend(() => inLocalStorage(fresh()))),
  "local again": () =>
    lastingStoreLaws<unknown, unknown>(Effect.sync(() => {
      const name = fresh()
      return { open: inLocalStorage(name) }
    }))
}

/** In real time: those of a database answer when they do. */
const check = (subject: string) =>
  Effect.runPromise(Effect.forEach(laws[subject]!(), ({ name, run }) =>
    Effect.map(Effect.exit(run), (exit) => ({
      law: name,
      broken: Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
    })), { concurrency: 12 }))

// ---------------------------------------------------------------------------------------------------------------------
// a cache of memory, in real time
// ---------------------------------------------------------------------------------------------------------------------

const counting = (delayMillis: number) => {
  let loads = 0
  return Effect.delay(Effect.sync(() => ++loads), delayMillis)
}

/** Each strategy in real time, and what its reads have got. */
const strategies = () =>
  Effect.runPromise(
    Effect.gen(function*() {
      const ttl = Cached.ttl(counting(20), "ttl", { ttl: 300 })
      const ahead = Cached.refreshAhead(counting(20), "ahead", { ttl: "1 hour", refreshAfter: 100 })
      let isDown = false
      const soft = Cached.softTtl(Effect.suspend(() => isDown ? Effect.fail("down") : counting(0)), "soft", {
        ttl: "1 hour",
        softTtl: 50,
        fallbackOn: "all"
      })
      const sliding = Cached.sliding(counting(0), "sliding", { idle: 300 })
      const hits = Cached.withStrategy(counting(0), "hits", {
        strategy: { strategy: "maxHits", ttl: "1 hour", hits: 2 }
      })
      const slide: Array<number> = []
      const together = yield* Effect.all([ttl, ttl, ttl], { concurrency: "unbounded" })
      const first = [yield* ahead, yield* soft]
      for (let i = 0; i < 3; i++) slide.push(yield* Effect.delay(sliding, 150))
      isDown = true
      const due = [yield* ahead, yield* soft]
      yield* Effect.sleep(400)
      return {
        together,
        expired: yield* ttl,
        first,
        due,
        refreshed: yield* ahead,
        slide: [...slide, yield* sliding],
        hits: [yield* hits, yield* hits, yield* hits, yield* hits]
      }
    }).pipe(Effect.provide(CacheLayer.memory()))
  )

// ---------------------------------------------------------------------------------------------------------------------
// a cache that tabs share
// ---------------------------------------------------------------------------------------------------------------------

let runtime: ManagedRuntime.ManagedRuntime<Caching.Caching, unknown> | undefined

/** Opens the cache of this tab. */
const openCache = async (name: string, maxSize?: number | null, lease: Ttl.Input = "1 second") => {
  const store = IndexedDbStore.layer({ name, ...typeof maxSize === "number" ? { maxSize } : {} })
  runtime = ManagedRuntime.make(CacheLayer.layer({ lease }).pipe(Layer.provide(store)))
  await runtime.runPromise(Cached.size)
}

const loads = { started: 0 }

/** A read whose load takes its time, and returns the given value. */
const read = (key: string, value: string, delayMillis: number) =>
  runtime!.runPromise(
    Effect.suspend(() => {
      loads.started++
      return Effect.delay(Effect.succeed(value), delayMillis)
    }).pipe(Cached.ttl(key, { ttl: "1 hour", tags: ["tag"] }))
  )

/** A bulk call has one owner for all its leases. One of them ends before the other. */
const readTwo = (name: string) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const store = yield* storeFrom(IndexedDbStore.layer({ name }))
    const leases = { owner: "a bulk call", leaseMillis: 3_600_000, rejectedWriteId: undefined, join: false }
    const granted = yield* store.acquire([{ id: "a", ...leases }, { id: "b", ...leases }])
    const b = granted[1]
    if (b?._tag !== "Granted") return granted.map(({ _tag }) => _tag)
    yield* singly(store).commit("b", b.generation, entry(1))
    const other = yield* storeFrom(IndexedDbStore.layer({ name }))
    const another = { owner: "another tab", leaseMillis: 1000, rejectedWriteId: undefined, join: false }
    const asked = yield* singly(other).acquire("a", another)
    yield* store.release("a", "a bulk call")
    const later = yield* singly(other).acquire("a", another)
    const { held = [] } = yield* Effect.promise(() => navigator.locks.query())
    return { asked: asked._tag, later: later._tag, held: held.map(({ name }) => name?.split("/").at(-1)) }
  })))

const fill = (count: number, bytes: number) =>
  runtime!.runPromise(Effect.gen(function*() {
    for (let i = 0; i < count; i++) {
      // Zeros would compress, so any number of them would fit.
      yield* Cached.set(`fill ${i}`, crypto.getRandomValues(new Uint8Array(bytes)), { ttl: "1 hour" })
    }
    return yield* Cached.size
  }))

/** Why the store cannot be opened. */
const refusal = (name: string) =>
  Effect.runPromise(
    Effect.match(Effect.scoped(storeFrom(IndexedDbStore.layer({ name }))), {
      onFailure: ({ operation, reason }) => `${operation}: ${reason}`,
      onSuccess: () => "opened"
    })
  )

/** The database is deleted under a store that has it open. */
const deleted = (name: string) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const store = yield* storeFrom(IndexedDbStore.layer({ name }))
    yield* store.increment("visits", 2)
    yield* Effect.callback<void>((resume) => {
      const request = indexedDB.deleteDatabase(`effect-cached/1/${name}`)
      request.addEventListener("success", () => resume(Effect.void))
    })
    return yield* store.increment("visits", 1)
  })))

/** An operation is given up before it has ended. */
const interrupted = (name: string) =>
  Effect.runPromise(Effect.gen(function*() {
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(storeFrom(IndexedDbStore.layer({ name })), scope)
    const fibers = yield* Effect.forEach(
      Array.from({ length: 50 }, (_, i) => i),
      (i) => Effect.forkChild(store.increment("n", 1), { startImmediately: i % 2 === 0 })
    )
    yield* Effect.forEach(fibers, (fiber, i) => i % 2 === 0 ? Fiber.interrupt(fiber) : Effect.void, { discard: true })
    yield* Effect.forEach(fibers, Fiber.await, { discard: true })
    const counter = yield* store.counter("n")
    yield* Scope.close(scope, Exit.void)
    const late = yield* Effect.exit(store.counter("n"))
    return { counted: (counter?.value ?? 0) >= 25, late: Exit.isSuccess(late) }
  }))

/** Reads through a cache in `localStorage`, whose loads return their time. */
const readLocal = (invalidates: boolean) => {
  // A busy machine answers late.
  const cache = CacheLayer.layer({ storeTimeout: "10 seconds" }).pipe(
    Layer.provide(PersistenceStore.layer({ prefix: "page" })),
    Layer.provide(KeyValueStore.layerStorage(() => localStorage))
  )
  const read = Effect.sync(() => `${performance.timeOrigin}`).pipe(
    Cached.ttl("local", { ttl: "1 hour", tags: ["t"] })
  )
  const program = invalidates ? Effect.andThen(Cached.invalidate({ tag: "t" }), read) : Effect.andThen(read, read)
  return Effect.runPromise(Effect.provide(program, cache))
}

const commands = {
  check,
  readLocal,
  probe,
  strategies,
  readTwo,
  openCache,
  read,
  fill,
  refusal,
  deleted,
  interrupted,
  loads: () => loads.started,
  invalidate: (key: string) => runtime!.runPromise(Cached.invalidate(key)),
  invalidateTag: (tag: string) => runtime!.runPromise(Cached.invalidate({ tag })),
  clear: () => runtime!.runPromise(Cached.clear),
  close: () => runtime!.dispose()
}

Object.assign(globalThis, { commands })
