/** A process that renames users and reads pages in one folder until it is killed. */
import { Effect } from "effect"
import { CacheLayer } from "effect-cached"
import { join } from "node:path"
import { pagesOf, renamesOf } from "./site.ts"

const [directory, seed] = process.argv.slice(2) as [string, string]

let state = Number(seed)
const dice = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647

const renames = renamesOf(join(directory, "names"))
const { pages, rename } = pagesOf(renames)

const step = Effect.suspend(() => {
  const user = 1 + Math.floor(dice() * 3)
  return dice() < 0.4
    ? rename(user, renames.next(user))
    : Effect.asVoid(pages[Math.floor(dice() * pages.length)]!)
})

// Tells each use of the cache.
const told = Effect.tap(step, () => Effect.sync(() => process.stdout.write("used\n")))
await Effect.runPromise(
  Effect.forever(Effect.andThen(told, Effect.yieldNow)).pipe(
    Effect.provide(CacheLayer.disk({ directory: join(directory, "cache") }))
  )
)
