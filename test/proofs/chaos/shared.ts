/** Steps and attacks that are the same on every server: on the processes, and on the network between. */
import type { Proxy } from "../../support/proxy.ts"
import { type Arena, type Attack, attack, type Crowd, sleep } from "./target.ts"

export const calmly = async (): Promise<void> => sleep(100)

/** Between two of its steps the server may be gone. */
export const attempt = (step: Promise<unknown>): Promise<unknown> => step.catch(() => undefined)

export const repeatedly =
  <A extends Arena>(pause: number, step: (arena: A, crowd: Crowd) => Promise<unknown>): Attack<A>["strike"] =>
  async (arena, crowd) => {
    await sleep(pause + crowd.dice.below(pause))
    await attempt(step(arena, crowd))
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
    strike: async (_, { killOne }) => {
      await sleep(100)
      await killOne()
    }
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
    strike: async (_, { dice, stopOne }) => {
      await sleep(50 + dice.below(200))
      await stopOne(50 + dice.below(dice.next() < 0.2 ? 2000 : 400))
    }
  })
]

/** An arena with a proxy before its server. */
interface Proxied extends Arena {
  readonly proxy: Proxy
}

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
    strike: async ({ proxy }) => {
      await sleep(1000)
      proxy.delay(200)
      await sleep(2000)
      proxy.delay(0)
    },
    relent: ({ proxy }) => proxy.delay(0)
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
    strike: async ({ proxy }) => {
      await sleep(1000)
      proxy.swallow(true)
      await sleep(2000)
      proxy.swallow(false)
      await sleep(1000)
    },
    relent: ({ proxy }) => proxy.swallow(false)
  }),
  attack({
    name: "half of the processes cut off, changes on both sides",
    arena: direct,
    ...work === undefined ? {} : { work },
    whereOf: (arena, place) => place % 2 === 0 ? arena.where : throughProxy(arena),
    unheardMillis,
    strike: async ({ proxy }) => {
      await sleep(1000)
      proxy.swallow(true)
      await sleep(3000)
      proxy.swallow(false)
      await sleep(2000)
    },
    relent: ({ proxy }) => proxy.swallow(false)
  })
]
