/**
 * Removes what has expired, and what is of an older era, once a day. Of all processes, one at a time does it. It goes
 * through the list of all objects, which shows when each was written and, by its size, for how long it lives.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/objects.ts"
import * as Room from "../../../internal/defaults/room.ts"
import { markersKept } from "../../../internal/defaults/stores.ts"
import { forEach } from "../../../internal/time/turns.ts"
import { send, serverNow } from "../bucket/client.ts"
import { page } from "../bucket/list.ts"
import { placeOf } from "../bucket/names.ts"
import type { Listed } from "../bucket/xml.ts"
import { lifeOfSize } from "../store/life.ts"
import { type Objects, readEra } from "../store/objects.ts"
import { decode } from "../store/record.ts"
import * as Oldest from "./oldest.ts"
import * as Turn from "./turn.ts"

const operation = "tidy"

/** The markers that one clean-up has found so far. */
interface Markers {
  readonly oldest: Oldest.Oldest
  count: number
}

const timeOf = ({ bucket }: Objects): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (local) => serverNow(bucket, local))

/** How an object is to be removed, if it is: as it was listed, or in any state. Notes markers. */
const judge = (
  markers: Markers,
  object: Listed,
  now: number,
  era: string | undefined
): "expired" | "outdated" | undefined => {
  const { modifiedAt, name, size } = object
  const age = now - modifiedAt
  switch (name[0]) {
    case "c":
    case "e":
      if (era !== undefined && !name.startsWith(placeOf(name[0], era))) return "outdated"
      return age > Math.max(lifeOfSize(size), Defaults.settledMillis) ? "expired" : undefined
    case "t":
      markers.count++
      if (age > Defaults.settledMillis) Oldest.add(markers.oldest, object)
      return undefined
    default:
      // The remains of processes that were killed.
      return age > Defaults.tidyMillis && name.startsWith("probe/") ? "expired" : undefined
  }
}

/** A name that is free again must not be taken by what was sent before, so only what is old enough is deleted. */
const remove = ({ bucket, known }: Objects, name: string, etag?: string): Effect.Effect<unknown, StoreError> => {
  known.delete(name)
  const condition = bucket.guardsDeletes && etag !== undefined ? { etag } : undefined
  return send(bucket, { operation, method: "DELETE", name, condition }, [404, 409, 412])
}

/** A counter is read again, and left where the server could delete a newer one: it is no copy of anything. */
const removeCounter = (self: Objects, name: string, now: number): Effect.Effect<unknown, StoreError> =>
  !self.bucket.guardsDeletes ? Effect.void : Effect.flatMap(
    send(self.bucket, { operation, method: "GET", name }, [404]),
    ({ body, etag, status }): Effect.Effect<unknown, StoreError> => {
      const head = status === 404 ? undefined : decode(body)?.head
      const isOver = head !== undefined && (head.counter === undefined || head.counter.expiresAt <= now)
      return isOver && etag !== undefined ? remove(self, name, etag) : Effect.void
    }
  )

const all = { concurrency: Defaults.oldest.concurrency, discard: true } as const

/** Cleans up one page of the list, and returns the beginning of the next one. */
const cleanPage = Effect.fnUntraced(function*(
  self: Objects,
  markers: Markers,
  token: string | undefined
): Effect.fn.Return<string | undefined, StoreError> {
  const { next, objects } = yield* page(self.bucket, operation, "", token)
  // An era that begins later has no object in this page.
  const era = yield* readEra(self, operation)
  const now = yield* timeOf(self)
  const steps: Array<Effect.Effect<unknown, StoreError>> = []
  yield* forEach(objects, (object) => {
    const { etag, name } = object
    const how = judge(markers, object, now, era)
    if (how === "outdated") steps.push(remove(self, name))
    else if (how !== undefined) {
      steps.push(name.startsWith("c/") ? removeCounter(self, name, now) : remove(self, name, etag))
    }
  })
  yield* Effect.forEach(steps, (step) => step, all)
  return next
})

const cleanUp = Effect.fnUntraced(function*(
  self: Objects,
  takeTurn: Effect.Effect<boolean, StoreError>
): Effect.fn.Return<void, StoreError> {
  const markers: Markers = { oldest: Oldest.make(), count: 0 }
  let next: string | undefined
  do {
    next = yield* cleanPage(self, markers, next)
    if (!(yield* takeTurn)) return
  } while (next !== undefined)
  const excess = Oldest.take(markers.oldest, Math.max(0, markers.count - markersKept))
  yield* Effect.forEach(excess, ({ etag, name }) => remove(self, name, etag), all)
})

/** Looks now and then whether a clean-up is due. What a failed one has left is removed by the next one. */
export const tidying = (self: Objects): Effect.Effect<unknown, never, Scope.Scope> => {
  const { endTurn, takeTurn } = Turn.make(self)
  const look = Effect.flatMap(
    takeTurn,
    (isTaken) => isTaken ? Effect.ensuring(cleanUp(self, takeTurn), Effect.ignore(endTurn)) : Effect.void
  )
  return Effect.forkScoped(
    Effect.forever(Effect.andThen(Effect.sleep(Room.tidyMillis + Room.pauseMillis), Effect.exit(look)))
  )
}
