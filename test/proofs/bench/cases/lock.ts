/** Misses at once while another process holds the lock of the database: how long they take, and the longest turn. */
import { Effect, References } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { print } from "../measure.ts"

const misses = 2000
const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
const holder = fileURLToPath(new URL("../lock/holder.ts", import.meta.url))

/** Measures turns in processor time, because other programs use the processor, too. */
const watch = () => {
  let longest = 0
  let used = process.threadCpuUsage()
  const next = () => {
    const { system, user } = process.threadCpuUsage(used)
    longest = Math.max(longest, (system + user) / 1000)
    used = process.threadCpuUsage()
    turn = setImmediate(next)
  }
  let turn = setImmediate(next)
  return () => {
    clearImmediate(turn)
    return longest
  }
}

const read = (key: string) => Effect.delay(Effect.succeed(key), "1 millis").pipe(Cached.ttl(key, { ttl: "1 hour" }))

const readAll = (name: string) =>
  Effect.forEach(Array.from({ length: misses }, (_, i) => `${name} ${i}`), read, {
    concurrency: "unbounded",
    discard: true
  })

const program = Effect.gen(function*() {
  for (let round = 0; round < 3; round++) yield* readAll(`warm ${round}`)
  const file = readdirSync(directory).find((name) => name.endsWith(".db"))!
  const child = fork(holder, [join(directory, file), "10000"], { execArgv: ["--no-warnings"] })
  yield* Effect.promise(() => once(child, "message"))
  yield* Effect.sleep("100 millis")
  const longest = watch()
  const startedAt = performance.now()
  yield* readAll("locked")
  const millis = performance.now() - startedAt
  yield* Effect.sleep("50 millis")
  child.kill()
  return { millis, longest: longest() }
})

try {
  const { longest, millis } = await Effect.runPromise(program.pipe(
    Effect.provide(CacheLayer.disk({ directory })),
    // The warning that the database is locked would be printed among the numbers.
    Effect.provideService(References.MinimumLogLevel, "None")
  ))
  print([
    { name: "CacheLayer.disk, longest turn", value: longest },
    { name: "20 ms", value: 20 },
    { name: "CacheLayer.disk, all answered", value: millis },
    { name: "500 ms", value: 500 }
  ])
} finally {
  rmSync(directory, { recursive: true, force: true })
}
