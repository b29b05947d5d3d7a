/**
 * The charts of `docs/memory.md` in `docs/images/`. With the seeds that stand here they come out the same each time, so
 * what differs afterwards has changed in `src/`.
 */
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { simulate } from "effect-cached/testing"
import { policies as builtIn } from "../../../src/internal/eviction/policies.ts"
import { Seed } from "../../../src/internal/token.ts"
import { chart } from "../../../src/testing/internal/chart.ts"
import * as Looking from "../../support/looking.ts"
import { type Trace, traces } from "./traces.ts"

const policies = [builtIn.adaptive, builtIn.wTinyLfu, builtIn.s3Fifo, builtIn.lru]
const shares = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8]
const capacitiesOf = ({ unique }: Trace): ReadonlyArray<number> => shares.map((share) => Math.round(unique * share))

const traceOf = (name: string): Trace => traces().find((trace) => trace.name === name)!

/** The estimated curve of a cache while it reads a trace, beside the hits of LRU. */
const estimated = Effect.fnUntraced(function*(trace: Trace) {
  const capacities = capacitiesOf(trace)
  const lru = yield* simulate(trace.accesses, ["lru"], { capacities })
  const { points } = yield* Effect.forEach(
    trace.accesses,
    (id) => Cached.ttl(Effect.succeed(id), `page:${id}`, { ttl: "1 hour" }),
    { discard: true }
  ).pipe(
    Effect.andThen(Looking.curve),
    Effect.provide(
      CacheLayer.memory({ capacity: Math.round(trace.unique / 10), curve: true }).pipe(
        Layer.provide(Layer.succeed(Seed, () => Uint32Array.of(1, 2, 3, 4)))
      )
    )
  )
  const [first, last] = [capacities[0]!, capacities.at(-1)!]
  return chart([
    { name: "LRU", points: lru.results.map(({ capacity, hitRatio }) => ({ x: capacity, y: hitRatio })) },
    {
      name: "curve of Cached.stats",
      points: points.filter(({ capacity }) => capacity >= first && capacity <= last)
        .map(({ capacity, hitRatio }) => ({ x: capacity, y: hitRatio }))
    }
  ])
})

/** The charts by their files. */
export const charts = Effect.gen(function*() {
  const web = traceOf("cache2k_web07")
  const { svg } = yield* simulate(web.accesses, policies, { capacities: capacitiesOf(web) })
  const mixed = traceOf("lirs_multi3")
  return new Map([
    ["docs/images/policies-web.svg", svg],
    [
      "docs/images/policies-mixed.svg",
      (yield* simulate(mixed.accesses, policies, { capacities: capacitiesOf(mixed) })).svg
    ],
    ["docs/images/curve.svg", yield* estimated(web)]
  ])
})
