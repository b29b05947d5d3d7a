/**
 * Another process: `worker.ts <url>`. It keeps a key in memory and reports when it leaves; waits for loads of others;
 * invalidates tags, a thousand a second; writes many entries, and removes them all at once.
 */
import { Effect, ManagedRuntime } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { createClient } from "redis"
import { nanos } from "../measure.ts"
import { many } from "./many.ts"

export type Order =
  | { readonly _tag: "Keep"; readonly key: string }
  | { readonly _tag: "Read"; readonly key: string }
  | { readonly _tag: "Storm"; readonly is: boolean }
  | { readonly _tag: "Write"; readonly entries: number }
  | { readonly _tag: "Remove" }

/** `at`: nanoseconds of a clock that all processes of the machine share. */
export type News = { readonly _tag: "Done" } | { readonly _tag: "Left" | "Served"; readonly at: number }

const url = process.argv[2]!
const chunk = 5000
const tell = (news: News) => void process.send!(news)
const done = () => tell({ _tag: "Done" })

const runtime = ManagedRuntime.make(CacheLayer.redis({ url, connect: "required", storeTimeout: "1 minute" }))
const client = await createClient({ url }).connect()

let invalidated = 0
let storm: NodeJS.Timeout | undefined

/** Ten every ten milliseconds. */
const invalidateTags = () => {
  for (let i = 0; i < 10; i++) runtime.runFork(Cached.invalidate({ tag: `of no entry ${invalidated++ % 1000}` }))
}

const remove = async () => {
  // It need not receive that itself.
  await runtime.dispose()
  const removals: Array<Promise<unknown>> = []
  for await (const keys of client.scanIterator({ MATCH: "effect-cached:v:*", COUNT: 1000 })) {
    if (keys.length > 0) removals.push(client.unlink(keys))
  }
  await Promise.all(removals)
}

/** Repeats until the entry stays: entries from before the server reports changes leave memory. */
const keep = (key: string): Effect.Effect<void, never, Caching.Caching> =>
  Effect.gen(function*() {
    const read = Cached.ttl(Effect.succeed(1), key, { ttl: "1 hour" })
    yield* read
    yield* Effect.sleep("20 millis")
    const { hits } = yield* Cached.stats
    yield* read
    if ((yield* Cached.stats).hits === hits) yield* keep(key)
  })

const obey = async (order: Order): Promise<void> => {
  switch (order._tag) {
    case "Keep":
      await runtime.runPromise(keep(order.key))
      break
    case "Read":
      await runtime.runPromise(Cached.ttl(Effect.die("loaded twice"), order.key, { ttl: "1 hour" }))
      tell({ _tag: "Served", at: nanos() })
      break
    case "Storm":
      clearInterval(storm)
      storm = order.is ? setInterval(invalidateTags, 10) : undefined
      break
    case "Write": {
      const all = many(order.entries).map((key) => [key, key.i] as const)
      // More at once than a connection takes would be left out.
      for (let from = 0; from < all.length; from += chunk) {
        await runtime.runPromise(Cached.setMany(all.slice(from, from + chunk), { ttl: "1 hour" }))
      }
      break
    }
    case "Remove":
      await remove()
  }
  done()
}

const listening = Cached.onRemoval(({ cause }) =>
  Effect.sync(() => {
    if (cause === "invalidated") tell({ _tag: "Left", at: nanos() })
  })
)
runtime.runFork(Effect.scoped(Effect.andThen(listening, Effect.never)))

process.on("message", (order: Order) => void obey(order))
process.on("disconnect", () => process.exit())
done()
