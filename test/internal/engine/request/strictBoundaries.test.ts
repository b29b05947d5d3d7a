/** The failures that a strict boundary lets through. */
import { expect, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { Cached, CachePolicy } from "effect-cached"
import { StoreError } from "effect-cached/CacheError"
import { fakeStore, over, within } from "../../../support/caches.ts"

it.effect("failures and defects of loads pass as they are, and faults of the store as failures", () => {
  const fake = fakeStore()
  return within(
    over(fake),
    Effect.gen(function*() {
      const read = <E>(key: string, load: Effect.Effect<number, E>) =>
        Effect.exit(CachePolicy.strict(Cached.ttl(load, key, { ttl: "1 hour" })))
      expect(yield* read("typed", Effect.fail("no"))).toEqual(Exit.fail("no"))
      expect(yield* read("defect", Effect.die("broken"))).toEqual(Exit.die("broken"))
      fake.behave = () => ({
        before: Effect.fail(new StoreError({ store: "fake", operation: "get", reason: "Unavailable" }))
      })
      const exit = yield* read("fault", Effect.succeed(1))
      expect(Exit.isFailure(exit) && Cause.hasFails(exit.cause) && Cause.squash(exit.cause)).toBeInstanceOf(StoreError)
      fake.behave = () => ({})
    })
  )
})
