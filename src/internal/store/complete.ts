/** Completes a store by deriving the operations that its core lacks. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { StoreError } from "../../CacheError.ts"
import type { CoreOperation, Store, StoreCore } from "../../ports/store.ts"
import * as InTurns from "../time/streamsInTurns.ts"
import * as Counters from "./counters.ts"
import { each } from "./many.ts"
import { isPage } from "./pageIds.ts"
import * as Parts from "./parts.ts"

const partsOfCore: Parts.Parts<Pick<Store, CoreOperation>> = {
  name: "a string",
  capabilities: "an object",
  set: "a function",
  remove: "a function",
  touch: "a function",
  acquire: "a function",
  commit: "a function",
  renew: "a function",
  release: "a function",
  markers: "a function",
  invalidateTags: "a function"
}

const parts: Parts.Parts<StoreCore> = {
  ...partsOfCore,
  isWhole: "a function",
  distanceMillis: "a function",
  workedMillis: "a function",
  maxSize: "a number",
  get: "a function",
  getUnsafe: "a function",
  getCallback: "a function",
  getMany: "a function",
  scan: "a function",
  scanLoads: "a function",
  size: "an Effect",
  clear: "an Effect",
  increment: "a function",
  counter: "a function",
  touchCounter: "a function",
  removeCounter: "a function",
  scanCounters: "a function",
  transact: "a function",
  changes: "a Stream",
  changesUnsafe: "a function"
}

export const complete = (core: StoreCore): Store => {
  const required: Array<keyof StoreCore> = Object.keys(partsOfCore) as Array<CoreOperation>
  if (core?.getCallback === undefined) required.push("get")
  Parts.requireKinds("Store.complete", core, parts, required)
  const unsupported = (operation: string) =>
    Effect.fail(new StoreError({ store: core.name, operation, reason: "Unsupported" }))
  const { clear, increment, scan } = core
  // Called as methods, because an author's store may be an object that uses `this`.
  const get: Store["get"] = core.get === undefined
    ? (id, tags) => Effect.callback((resume) => core.getCallback!(id, tags, resume))
    : (id, tags) => core.get!(id, tags)
  const all = scan && Stream.suspend(() => scan())
  const counters = increment === undefined ? countersOf(core.name) : undefined
  // Clears the counters first: if they came second, an interruption could skip them although the store is cleared.
  const emptyAll = (clear: Store["clear"]) =>
    Effect.suspend(() => {
      counters?.clear()
      return clear
    })
  const derived: Omit<Store, CoreOperation | "increment" | "clear" | "transact"> = {
    get,
    getUnsafe: undefined,
    getCallback: undefined,
    getMany: (ids) => each(ids, (id) => Effect.map(get(id, []), ({ entry }) => entry)),
    scan: () => Stream.fromEffect(unsupported("scan")),
    // In a store of one process, the engine knows all loads.
    scanLoads: () => core.capabilities.shared ? Stream.fromEffect(unsupported("scanLoads")) : Stream.empty,
    size: all === undefined ? unsupported("size") : Stream.runCount(Stream.filter(all, ({ id }) => !isPage(id))),
    counter: () => unsupported("counter"),
    touchCounter: () => unsupported("touchCounter"),
    removeCounter: () => unsupported("removeCounter"),
    scanCounters: () => Stream.fromEffect(unsupported("scanCounters")),
    changes: Stream.empty,
    changesUnsafe: undefined
  }
  const given = Object.fromEntries(Object.entries(core).filter(([, part]) => part !== undefined))
  return {
    ...derived,
    ...counters?.port,
    ...given,
    capabilities: core.getMany === undefined ? { ...core.capabilities, separate: true } : core.capabilities,
    // `clear` cannot be derived from `scan` and `remove`, because ids with a load but without an entry are not listed.
    clear: clear === undefined ? unsupported("clear") : emptyAll(clear)
  } as Store
}

const countersOf = (store: string) => {
  const counters = Counters.make()
  return {
    port: {
      ...Counters.operations(store, (_, __, step) =>
        Effect.flatMap(Clock.Clock, (clock) => {
          try {
            return Exit.succeed(step(counters, clock.currentTimeMillisUnsafe()))
          } catch (error) {
            return Exit.fail(error as StoreError)
          }
        })),
      scanCounters: (options) => Stream.suspend(() => InTurns.each(counters.scan(options?.prefix ?? "")))
    } satisfies Partial<Store>,
    clear: counters.clear
  }
}
