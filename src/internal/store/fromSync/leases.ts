/** The steps of `acquire` and `commit` over a synchronous storage. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { StoreError } from "../../../CacheError.ts"
import type { Acquired, AcquireRequest, CommitRequest } from "../../../ports/store.ts"
import { isOtherWrite } from "../conditions.ts"
import * as Leases from "../leases.ts"
import { inSteps } from "../many.ts"
import * as Markers from "../markers/markers.ts"
import { stored, write } from "./entries.ts"
import { nowOf, paceOf, type Sync, withFiber } from "./sync.ts"

const hitOf = (self: Sync, { id, rejectedWriteId }: AcquireRequest): Acquired | undefined => {
  const entry = stored(self, id)
  return isOtherWrite(entry, rejectedWriteId) ? { _tag: "Hit", entry } : undefined
}

/** Returns the answer if it requires no write. Runs outside of `atomic`, so that it does not wait for other writers. */
const withoutWriting = (self: Sync, asked: AcquireRequest, now: number): Acquired | undefined => {
  const hit = hitOf(self, asked)
  if (hit !== undefined) return hit
  const leftMillis = self.leases.leftMillis(asked, now)
  return leftMillis > 0 ? { _tag: "Wait", leftMillis } : undefined
}

const lease = (self: Sync, asked: AcquireRequest, fiber: Fiber.Fiber<any, any>): Acquired => {
  const { leases, tags } = self
  const newGeneration = () => Leases.newGeneration(self.tokensOf(fiber))
  return Markers.withSeq(() => Markers.seqOf(tags), leases.acquire(asked, nowOf(fiber), newGeneration))
}

/** Acquires leases in groups. The transaction of a group looks at each id before leasing it. */
export const acquire = (
  self: Sync,
  requests: ReadonlyArray<AcquireRequest>
): Effect.Effect<ReadonlyArray<Acquired>, StoreError> => {
  const { atomic, orAtomic } = self.storage
  return inSteps(requests, (requests) =>
    withFiber(self, "acquire", (fiber) => {
      const lookAt = (asked: AcquireRequest) => withoutWriting(self, asked, nowOf(fiber))
      let seen: ReadonlyArray<Acquired | undefined> = []
      const look = () => {
        seen = requests.map(lookAt)
        return seen.includes(undefined) ? undefined : seen as ReadonlyArray<Acquired>
      }
      const steps = (isSame: boolean) => {
        // The first of two requests for an id may change what the second one has looked at.
        const knows = isSame && new Set(requests.map(({ id }) => id)).size === requests.length
        return requests.map((asked, i) => (knows ? seen[i] : lookAt(asked)) ?? lease(self, asked, fiber))
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
