/**
 * Removes what has expired, and what does not fit, now and then. Of all processes, one at a time does it. It goes
 * through the list of all objects, which shows when each was written and, by its size, for how long it lives.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/objects.ts"
import { markersKept } from "../../../internal/defaults/stores.ts"
import { forEach } from "../../../internal/time/turns.ts"
import * as Room from "../../shared/room.ts"
import { send, serverNow } from "../bucket/client.ts"
import { page } from "../bucket/list.ts"
import type { Listed } from "../bucket/xml.ts"
import { lifeOfSize } from "../store/life.ts"
import type { Objects } from "../store/objects.ts"
import { decode, encode, none } from "../store/record.ts"
import * as Oldest from "./oldest.ts"
import * as Turn from "./turn.ts"
import * as Uses from "./uses.ts"

const operation = "tidy"

/** The findings of one clean-up so far. */
interface Survey {
  /** Absent if there is no `maxSize`. */
  readonly uses: Uses.Uses | undefined
  readonly entries: Oldest.Oldest
  /** The size of all entries. */
  size: number
  readonly markers: Oldest.Oldest
  markerCount: number
  /** The beginning of the next page. */
  next: string | undefined
}

const begin = (self: Objects): Effect.Effect<Survey, StoreError> =>
  Effect.map(
    self.room.maxSize === Infinity ? Effect.undefined : Uses.collect(self),
    (uses) => ({
      uses,
      entries: Oldest.make(),
      size: 0,
      markers: Oldest.make(),
      markerCount: 0,
      next: undefined
    })
  )

const timeOf = ({ bucket }: Objects): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (local) => serverNow(bucket, local))

/** Puts an object into the survey, unless its end has come. Returns whether it is to be removed. */
const judge = (survey: Survey, object: Listed, now: number): boolean => {
  const { modifiedAt, name, size } = object
  const life = lifeOfSize(size)
  const age = now - modifiedAt
  switch (name.slice(0, 2)) {
    case "c/":
      return age > Math.max(life, Defaults.settledMillis)
    case "e/":
      if (age > Math.max(life, Defaults.settledMillis)) return true
      if (survey.uses === undefined || life === 0 || Number.isNaN(size)) return false
      survey.size += size
      Oldest.add(survey.entries, object, Math.max(modifiedAt, Uses.usedAt(survey.uses, name)))
      return false
    case "t/":
      survey.markerCount++
      if (age > Defaults.settledMillis) Oldest.add(survey.markers, object, modifiedAt)
      return false
    default:
      // The remains of processes that were killed.
      return age > Defaults.tidyMillis && (Uses.isTold(name) || name.startsWith("probe/"))
  }
}

const gone = [404, 409, 412]

const isGone = ({ status }: { readonly status: number }): boolean => status < 300 || status === 404

/** Deletes an object that is as it was listed. Its name is free again, so nothing sent before may arrive any longer. */
const deleted = ({ bucket }: Objects, name: string, etag: string | undefined): Effect.Effect<boolean, StoreError> => {
  const condition = bucket.guardsDeletes && etag !== undefined ? { etag } : undefined
  return Effect.map(send(bucket, { operation, method: "DELETE", name, condition }, gone), isGone)
}

/** Leaves an object with nothing in it, which still refuses what arrives late. A later clean-up deletes it. */
const emptied = ({ bucket }: Objects, name: string, etag: string): Effect.Effect<boolean, StoreError> => {
  const body = encode({ stamp: bucket.tokens.next(16) }, none, 0)
  return Effect.map(send(bucket, { operation, method: "PUT", name, body, condition: { etag } }, gone), isGone)
}

const remove = (self: Objects, { etag, modifiedAt, name }: Listed): Effect.Effect<boolean, StoreError> =>
  Effect.flatMap(timeOf(self), (now) => {
    self.known.delete(name)
    if (now - modifiedAt > Defaults.settledMillis) {
      return name.startsWith("c/") ? removeCounter(self, name, now) : deleted(self, name, etag)
    }
    return etag === undefined ? Effect.succeed(false) : emptied(self, name, etag)
  })

/** A counter is read again, and left where the server could delete a newer one: it is no copy of anything. */
const removeCounter = (self: Objects, name: string, now: number): Effect.Effect<boolean, StoreError> =>
  !self.bucket.guardsDeletes ? Effect.succeed(false) : Effect.flatMap(
    send(self.bucket, { operation, method: "GET", name }, [404]),
    ({ body, etag, status }) => {
      const head = status === 404 ? undefined : decode(body)?.head
      const isOver = head !== undefined && (head.counter === undefined || head.counter.expiresAt <= now)
      return isOver && etag !== undefined ? deleted(self, name, etag) : Effect.succeed(false)
    }
  )

/** Removes objects, and returns the bytes of those that are gone. */
const removeAll = (self: Objects, objects: ReadonlyArray<Listed>): Effect.Effect<number, StoreError> => {
  let bytes = 0
  const each = Effect.forEach(
    objects,
    (object) =>
      Effect.map(remove(self, object), (isRemoved) => {
        if (isRemoved) bytes += object.size
      }),
    { concurrency: Defaults.oldest.concurrency, discard: true }
  )
  return Effect.map(each, () => bytes)
}

const stepsOf = (self: Objects): Room.Steps<StoreError> => {
  const { bucket, room } = self
  const turn = Turn.make(self)
  let survey: Survey | undefined

  const removeMarkers = ({ markerCount, markers }: Survey): Effect.Effect<unknown, StoreError> => {
    let excess = markerCount - markersKept
    return excess <= 0 ? Effect.void : removeAll(self, Oldest.take(markers, () => excess-- > 0))
  }

  return {
    takeTurn: turn.takeTurn,
    endTurn: Effect.suspend(() => {
      survey = undefined
      return turn.endTurn
    }),
    removeExpired: Effect.gen(function*() {
      const found = survey ??= yield* begin(self)
      const { next, objects } = yield* page(bucket, operation, "", found.next)
      const now = yield* timeOf(self)
      const over: Array<Listed> = []
      yield* forEach(objects, (object) => {
        if (judge(found, object, now)) over.push(object)
      })
      yield* removeAll(self, over)
      if (next === undefined) yield* removeMarkers(found)
      found.next = next
      return next !== undefined
    }),
    measure: Effect.sync(() => survey?.size ?? 0),
    removeOldest: (bytes) =>
      Effect.suspend(() => {
        if (survey === undefined) return Effect.succeed(0)
        let missing = bytes
        const some = Oldest.take(survey.entries, ({ size }) => {
          const isMore = missing > 0
          missing -= size
          return isMore
        })
        // A clean-up remembers only some entries of a large bucket. The next one begins at once.
        if (some.length === 0 && survey.entries.latest < Infinity) room.due.openUnsafe()
        return removeAll(self, some)
      })
  }
}

export const tidying = Effect.fnUntraced(function*(self: Objects): Effect.fn.Return<void, never, Scope.Scope> {
  const { room } = self
  const tell = Uses.tell(self)
  // Otherwise the uses of processes that end soon would never count.
  yield* Effect.addFinalizer(() =>
    Effect.timeoutOption(Effect.interruptible(Room.tellUses(room, tell)), Defaults.uses.closeMillis)
  )
  yield* Effect.forkScoped(Room.telling(room, tell, Defaults.uses.tellMillis))
  yield* Effect.forkScoped(Room.keeping(room, stepsOf(self)))
})
