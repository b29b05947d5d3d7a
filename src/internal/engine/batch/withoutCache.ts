/** A call for many keys that bypasses the cache. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { idOf, type Key } from "../../key/ofKey.ts"
import { inScope } from "../load/loadScope.ts"
import { aside } from "../request/attempt.ts"
import type { LoadAll } from "../state.ts"
import * as Job from "../telemetry/job.ts"
import { checked, inOrder } from "./inOrder.ts"

export const loadWithoutCache = ({ keys, loadAll }: {
  readonly keys: ReadonlyArray<Key>
  readonly loadAll: LoadAll
}): Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, unknown, any> => {
  const places = new Map<string, number>()
  const once: Array<Key> = []
  for (const key of keys) {
    const id = idOf(key)
    if (places.has(id)) continue
    places.set(id, once.length)
    once.push(key)
  }
  if (once.length === 0) return Exit.succeed([])
  return Effect.map(
    // If a load makes this call, the call does not count as part of that load.
    checked(
      once,
      aside(Effect.withFiber((fiber) => {
        Job.called(fiber.context as Context.Context<never>, once, false)
        return inScope(fiber, inOrder(once, loadAll), () => {}, undefined)
      }))
    ),
    (exits) => keys.map((key) => exits[places.get(idOf(key))!]!)
  )
}
