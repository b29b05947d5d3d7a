/** Conditional writes: read, decide and write. They start again if another process has written since the read. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../../../CacheEntry.ts"
import type { StoreError } from "../../../../CacheError.ts"
import * as Limits from "../../../../internal/defaults/redis.ts"
import * as Conditions from "../../../../internal/store/conditions.ts"
import { aboveMaxValue } from "../../../../internal/store/tooLarge.ts"
import type { SetCondition, SetRequest, TouchOptions } from "../../../../ports/store.ts"
import { storeError, storeName } from "../../fault.ts"
import { askInTurn } from "../many.ts"
import { type Present, present } from "../reads.ts"
import { asking, contended, isDone, list, now, type Operation, refusalOf, type StoreState } from "../state.ts"
import * as Program from "./program.ts"
import { setAll, writes } from "./writes.ts"

interface ConditionalWrite {
  readonly id: string
  readonly operation: "set" | "touch"
  readonly decide: (present: Present) => Stored | undefined
}

const setIf = (self: StoreState, { entry, id }: SetRequest, condition: SetCondition): Operation<boolean> => {
  const decide = (present: Present) =>
    Conditions.holds(condition, present.entry, now(self), tagsOf(present)) ? entry : undefined
  return attempt(self, { id, operation: "set", decide })
}

export const set = (self: StoreState, requests: ReadonlyArray<SetRequest>): Operation<ReadonlyArray<boolean>> =>
  Effect.suspend(() => {
    const error = aboveMaxValue(storeName, "set", requests, self.maxValue)
    if (error !== undefined) return Effect.fail(error)
    if (requests.every(({ condition }) => condition === undefined)) return setAll(self, requests)
    return Effect.forEach(requests, (request) =>
      request.condition === undefined
        ? Effect.map(setAll(self, [request]), ([isSet]) => isSet!)
        : setIf(self, request, request.condition))
  })

export const touch = (self: StoreState, id: string, options: TouchOptions): Operation<boolean> => {
  const decide = (present: Present) => Conditions.touched(present.entry, options, now(self), tagsOf(present))
  return attempt(self, { id, operation: "touch", decide })
}

export const tagsOf = ({ versions }: Present): { readonly version: (tag: string) => string | undefined } => ({
  version: (tag) => versions.get(tag)
})

const attempt = Effect.fnUntraced(function*(
  self: StoreState,
  { decide, id, operation }: ConditionalWrite
): Effect.fn.Return<boolean, StoreError> {
  for (let left = Limits.conflicts; left > 0; left--) {
    const [found] = yield* present(self, operation, [id])
    const entry = decide(found!)
    if (entry === undefined) return false
    const isWritten = yield* asking(operation, (done) => {
      const write = (program: Program.Program): void => {
        Program.beginGroup(program)(1, 1)
        Program.check(program, "h", ["v", id], found!.head)
        if (operation === "set") Program.set(program, { id, entry })
        else Program.touch(program, id, entry)
      }
      askInTurn(self, { kind: writes, item: { id, size: entry.payload.length, write }, done })
    }, (answer) => refusalOf(answer) ?? isDone(list(answer)[0] ?? answer))
    if (isWritten) return true
  }
  return yield* Effect.fail(storeError(operation, contended))
})
