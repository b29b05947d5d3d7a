/**
 * A write by hand on disk, of a key from which nothing derives, beside the same where the markers of its id are left
 * alone: two copies of the sources in one process, each on a folder of its own.
 */
import { Effect, Layer } from "effect"
import type * as Package from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inCopy, withFault } from "../../../deliberateFaults/copies.ts"
import { inTurn, nanos, print } from "../measure.ts"
import { user } from "../record.ts"

const keys = Array.from({ length: 1000 }, (_, i) => `user:${i}`)
const calls = 10

const withoutMarkers = {
  name: "nothing that a write by hand ends has a marker",
  in: "make",
  find: "const endMarkers = tags.remove === undefined ?",
  replace: "const endMarkers = tags.remove !== undefined ?"
}

const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))

const measured = (copies: { readonly [subject: string]: string }) =>
  Effect.gen(function*() {
    const subjects = yield* Effect.forEach(Object.entries(copies), ([name, copy]) =>
      Effect.gen(function*() {
        const { CacheLayer, Cached }: typeof Package = yield* Effect.promise(() => import(join(copy, "src/index.ts")))
        const context = yield* Layer.build(CacheLayer.disk({ directory: join(directory, name) }))
        let next = 0
        const setAll = Effect.gen(function*() {
          const start = nanos()
          for (let i = 0; i < calls; i++) {
            const key = keys[next++ % keys.length]!
            yield* Cached.set(key, user(key), { ttl: "1 hour" })
          }
          return (nanos() - start) / calls
        })
        return [name, Effect.provideContext(setAll, context)] as const
      }))
    const of = new Map(subjects)
    return yield* inTurn({ subjects: [...of.keys()], warmup: 200, rounds: 1000 }, (name) => of.get(name)!)
  }).pipe(Effect.scoped)

try {
  await inCopy((whole) =>
    withFault(withoutMarkers, async (without) => {
      print(await Effect.runPromise(measured({ "Cached.set": whole, "markers left alone": without })))
    })
  )
} finally {
  rmSync(directory, { recursive: true, force: true })
}
