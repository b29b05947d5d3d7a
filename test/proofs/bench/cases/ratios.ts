/** Hit ratios over recorded accesses: of each policy, of `lru-cache`, and of Belady's optimum. */
import type { Eviction } from "effect-cached/adapters"
import { policies as builtIn } from "../../../../src/internal/eviction/policies.ts"
import { median, print, type Row } from "../measure.ts"
import { type Cell, cells, hitRatio, lruCache, type MakeCache, optimum, policy, scoreOf } from "../traces.ts"

const all = cells()
const ratiosOf = (make: MakeCache) => all.map(({ capacity, trace }: Cell) => hitRatio(trace, make(capacity)))
const nameOf = ({ share, trace }: Cell): string => `${trace.name}, ${share * 100} %`

const best = all.map(({ capacity, trace }) => optimum(trace, capacity))
const lru = ratiosOf(lruCache)
// A policy that hashes ids depends on its seed, a little: of five seeds the median counts.
const seeds = [1, 2, 3, 4, 5]
const seeded = (eviction: Eviction.Eviction) => seeds.map((seed) => ratiosOf(policy(eviction, seed)))
const policies: { readonly [name: string]: ReadonlyArray<ReadonlyArray<number>> } = {
  "lru-cache": [lru],
  lru: [ratiosOf(policy(builtIn.lru))],
  fifo: [ratiosOf(policy(builtIn.fifo))],
  s3Fifo: [ratiosOf(policy(builtIn.s3Fifo))],
  wTinyLfu: [ratiosOf(policy(builtIn.wTinyLfu))],
  adaptive: seeded(builtIn.adaptive),
  optimum: [best]
}

const rows = Object.entries(policies).flatMap(([name, runs]): ReadonlyArray<Row> => {
  const scores = runs.map((ratios) => scoreOf(ratios, lru, best))
  return [
    { name: `share: ${name}`, value: median(scores.map(({ share }) => share)) },
    { name: `left: ${name}`, value: 1 - median(scores.map(({ share }) => share)) },
    { name: `worst: ${name}`, value: median(scores.map(({ worst }) => worst)) },
    ...all.map((cell, i) => ({ name: `${nameOf(cell)}: ${name}`, value: median(runs.map((ratios) => ratios[i]!)) }))
  ]
})

print(rows)
