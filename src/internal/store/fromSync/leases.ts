/** The steps of `acquire` and `commit` over a synchronous storage. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { StoreError } from "../../../CacheError.ts"
import type { Acquired, AcquireOptions, AcquireRequest, CommitRequest } from "../../../ports/store.ts"
import { isOtherWrite } from "../conditions.ts"
import * as Leases from "../leases.ts"
import { inSteps } from "../many.ts"
import * as Markers from "../markers/markers.ts"
import { stored, write } from "./entries.ts"
import { nowOf, paceOf, type Sync, withFiber } from "./sync.ts"

/** An id and the options of `acquire`. The options stay in an object of their own, so that nothing is copied. */
interface Asked {
  readonly id: string
  readonly options: AcquireOptions
}

const hitOf = (self: Sync, { id, options: { rejectedWriteId } }: Asked): Acquired | undefined => {
  const entry = stored(self, id)
  return isOtherWrite(entry, rejectedWriteId) ? { _tag: "Hit", entry } : undefined
}

/** Returns the answer if it requires no write. Runs outside of `atomic`, so that it does not wait for other writers. */
const withoutWriting = (self: Sync, asked: Asked, now: number): Acquired | undefined => {
  const hit = hitOf(self, asked)
  if (hit !== undefined) return hit
  const leftMillis = self.leases.leftMillis(asked.id, asked.options, now)
  return leftMillis > 0 ? { _tag: "Wait", leftMillis } : undefined
}

const lease = (self: Sync, { id, options }: Asked, fiber: Fiber.Fiber<any, any>): Acquired => {
  const { leases, tags } = self
  const newGeneration = () => Leases.newGeneration(self.tokensOf(fiber))
  return Markers.withSeq(() => Markers.seqOf(tags), leases.acquire(id, options, nowOf(fiber), newGeneration))
}

/** Acquires leases in groups. The transaction of a group looks at each id before leasing it. */
export const acquireMany = (
  self: Sync,
  requests: ReadonlyArray<AcquireRequest>
): Effect.Effect<ReadonlyArray<Acquired>, StoreError> => {
  const { atomic, orAtomic } = self.storage
  return inSteps(requests, (requests) =>
    withFiber(self, "acquire", (fiber) => {
      const all = requests.map((request): Asked => ({ id: request.id, options: request }))
      const lookAt = (asked: Asked) => withoutWriting(self, asked, nowOf(fiber))
      let seen: ReadonlyArray<Acquired | undefined> = []
      const look = () => {
        seen = all.map(lookAt)
        return seen.includes(undefined) ? undefined : seen as ReadonlyArray<Acquired>
      }
      const steps = (isSame: boolean) => {
        // The first of two requests for an id may change what the second one has looked at.
        const knows = isSame && new Set(all.map(({ id }) => id)).size === all.length
        return all.map((asked, i) => (knows ? seen[i] : lookAt(asked)) ?? lease(self, asked, fiber))
      }
      return orAtomic === undefined
        ? look() ?? self.atomic(() => steps(atomic === undefined))
        : orAtomic<ReadonlyArray<Acquired>>(look, steps)
    }, requests.length), paceOf(self, "acquire"))
}

export const commit = (self: Sync, { entry, generation, id }: CommitRequest, now: number): boolean => {
  if (!self.leases.isCurrent(id, generation, now)) return false
  write(self, id, entry, now)
  self.leases.end(id)
  return true
}
