/** Steps and attacks that are the same on every server: on the processes, and on the network between. */
import { Effect, type Scope } from "effect"
import type { Store } from "effect-cached/adapters"
import { singly } from "../../../src/testing/internal/singly.ts"
import { minutesAhead } from "../../support/anHourAhead.ts"
import { isMissing } from "../../support/needs.ts"
import type { Proxy } from "../../support/proxy.ts"
import { stored } from "../../support/stored.ts"
import type { Dice } from "../consistency/random.ts"
import { type Arena, type Attack, attack, type Crowd, sleep } from "./target.ts"

/** Whether two programs that start now share what one of them stores. */
export const share = (open: Effect.Effect<Store.Store, unknown, Scope.Scope>): Promise<boolean> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const [a, b] = [yield* open, yield* open]
    yield* singly(a).set("afterwards", stored("afterwards"))
    return (yield* b.get("afterwards", [])).entry !== undefined
  })))

export const calmly = async (): Promise<void> => sleep(100)

/** Between two of its steps the server may be gone. */
export const attempt = (step: Promise<unknown>): Promise<unknown> => step.catch(() => undefined)

export const repeatedly =
  <A extends Arena>(pause: number, step: (arena: A, crowd: Crowd) => Promise<unknown>): Attack<A>["strike"] =>
  async (arena, crowd) => {
    await sleep(pause + crowd.dice.below(pause))
    await attempt(step(arena, crowd))
  }

interface Lasting<A> {
  /** The pauses before it begins and after its end. */
  readonly before?: number
  readonly after?: number
  readonly begin: (arena: A, dice: Dice) => unknown
  readonly millis: number
  /** It lasts longer by up to so many. */
  readonly drawn?: number
  readonly end: (arena: A) => unknown
}

/** An attack that begins, lasts for a while, and ends. */
export const lasting = <A extends Arena>(
  { after = 0, before = 1000, begin, drawn = 1, end, millis }: Lasting<A>
): Pick<Attack<A>, "relent" | "strike"> => ({
  strike: async (arena, { dice }) => {
    await sleep(before)
    await begin(arena, dice)
    await sleep(millis + dice.below(drawn))
    await end(arena)
    await sleep(after)
  },
  relent: end
})

/** A process whose clock is ahead, beside each that is not. */
export const clocksApart = <A extends Arena>(
  arena: Attack<A>["arena"],
  minutes = 60
): Pick<Attack<A>, "arena" | "through"> => ({
  arena: () => isMissing("faketime") ? undefined : arena(),
  through: (place) => place % 2 === 0 ? undefined : minutesAhead(minutes)
})

interface Programs<A extends Arena> extends Pick<Attack<A>, "unheardMillis" | "work"> {
  readonly arena: (options?: { readonly maxValue: number }) => Attack<A>["arena"]
  /** In each of so many processes. */
  readonly callers: number
  readonly processes: number
  /** How far clocks are apart. */
  readonly minutes?: number
}

/** Programs that ask for much. */
export const onPrograms = <A extends Arena>(
  { arena, callers, minutes, processes, work, ...more }: Programs<A>
): ReadonlyArray<Attack> => [
  attack<A>({
    name: "values above maxValue",
    arena: arena({ maxValue: 1000 }),
    work: { ...work, writers: 1, valueBytes: 2000 },
    isShared: true,
    strike: calmly,
    ...more
  }),
  attack<A>({
    name: "leases of 100 ms, loads that block for 150 ms",
    arena: arena(),
    work: { ...work, leaseMillis: 100, blockMillis: 150 },
    isShared: true,
    strike: calmly,
    ...more
  }),
  attack<A>({
    name: `every second, ${
      callers.toLocaleString("en")
    } callers in each of ${processes} processes ask for the same new key`,
    arena: arena(),
    processes,
    work: { ...work, waiters: callers, loadMillis: 200 },
    strike: calmly,
    ...more
  }),
  attack<A>({
    name: `clocks ${minutes === undefined ? "an hour" : `${minutes} minutes`} apart`,
    ...clocksApart(arena(), minutes),
    ...work === undefined ? {} : { work },
    isShared: true,
    strike: calmly,
    ...more
  })
]

export const kills: Attack["strike"] = async (_, { killOne }) => {
  await sleep(100)
  await killOne()
}

export const stops: Attack["strike"] = async (_, { dice, stopOne }) => {
  await sleep(50 + dice.below(200))
  await stopOne(50 + dice.below(dice.next() < 0.2 ? 2000 : 400))
}

/** `more` is what judges these attacks too, where a store reports no changes. */
export const onProcesses = <A extends Arena>(
  arena: Attack<A>["arena"],
  more: Pick<Attack<A>, "unheardMillis" | "work"> = {}
): ReadonlyArray<Attack> => [
  attack({ name: "nothing", arena, isShared: true, ...more, strike: calmly }),
  attack({
    name: "kills of the loading process, loads of 300 ms",
    arena,
    isShared: true,
    ...more,
    work: { ...more.work, loadMillis: 300 },
    strike: kills
  }),
  attack({
    name: "processes that close in the middle of loads",
    arena,
    ...more,
    work: { ...more.work, loadMillis: 300 },
    strike: async (_, { closeOne }) => {
      await sleep(100)
      await closeOne()
    }
  }),
  attack({
    name: "stopped processes",
    arena,
    ...more,
    strike: stops
  })
]

/** An arena with a proxy before its server. */
interface Proxied extends Arena {
  readonly proxy: Proxy
}

const swallowed = (millis: number, after: number) =>
  lasting<Proxied>({
    ...{ millis, after },
    begin: ({ proxy }) => proxy.swallow(true),
    end: ({ proxy }) => proxy.swallow(false)
  })

interface Network<A extends Proxied> {
  /** The processes reach the server without the proxy. */
  readonly direct: Attack<A>["arena"]
  readonly proxied: Attack<A>["arena"]
  /** Through the proxy too, with a store timeout of 100 ms. */
  readonly impatient?: Attack<A>["arena"]
  readonly throughProxy: (arena: A) => Arena["where"]
  readonly unheardMillis: number
  readonly work?: Attack["work"]
}

export const onNetwork = <A extends Proxied>(
  { direct, impatient, proxied, throughProxy, unheardMillis, work }: Network<A>
): ReadonlyArray<Attack> => [
  attack({
    name: "answers 200 ms late, store timeout 100 ms",
    arena: impatient ?? proxied,
    work: { ...work, storeTimeoutMillis: 100 },
    unheardMillis,
    ...lasting<Proxied>({ begin: ({ proxy }) => proxy.delay(200), millis: 2000, end: ({ proxy }) => proxy.delay(0) })
  }),
  attack({
    name: "connections cut in the middle of an answer",
    arena: proxied,
    ...work === undefined ? {} : { work },
    unheardMillis,
    strike: repeatedly(50, async ({ proxy }, { dice }) => proxy.cutAfter(dice.below(4000)))
  }),
  attack({
    name: "a network that swallows everything for 2 seconds",
    arena: proxied,
    ...work === undefined ? {} : { work },
    unheardMillis,
    ...swallowed(2000, 1000)
  }),
  attack({
    name: "half of the processes cut off, changes on both sides",
    arena: direct,
    ...work === undefined ? {} : { work },
    whereOf: (arena, place) => place % 2 === 0 ? arena.where : throughProxy(arena),
    unheardMillis,
    ...swallowed(3000, 2000)
  })
]
