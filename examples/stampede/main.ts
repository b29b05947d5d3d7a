/**
 * Many ask for the same slow thing at once: `npm start stampede`.
 *
 * Watch "calls": the naive cache calls once for each request that finds nothing, the others once for all of them. Watch
 * "waited" too: with a refresh in the background, only requests before the first value wait.
 */
import { Console, Effect } from "effect"
import { batches, batchSize, compare, every, loadTime, type Outcome, refreshAfter, ttl } from "./stampede.ts"

const line = (name: string, calls: string | number, waited: string | number) =>
  `${name.padEnd(38)}${`${calls}`.padStart(5)}  ${`${waited}`.padStart(6)}`

const row = (name: string, { calls, waited }: Outcome) => line(name, calls, waited)

const program = Effect.gen(function*() {
  const { joined, naive, refreshed } = yield* compare
  yield* Console.log([
    `${batches * batchSize} requests: ${batches} batches of ${batchSize}, ${every} ms apart; ` +
    `a load takes ${loadTime} ms, its result lives ${ttl} ms`,
    "",
    line("", "calls", "waited"),
    row("naive cache", naive),
    row("Cached.ttl", joined),
    row(`Cached.refreshAhead, after ${refreshAfter} ms`, refreshed),
    "",
    "3.5 seconds of virtual time, by TestClock."
  ].join("\n"))
})

await Effect.runPromise(program)
