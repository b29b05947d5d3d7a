/** Implements the guard store. A step runs in the process, and replaces only a state that has not changed since. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../CacheError.ts"
import * as Defaults from "../../internal/defaults/sql.ts"
import { merge, parse } from "../../internal/guard/memory.ts"
import type { GuardStore, Kind } from "../../ports/guardStore.ts"
import { ask, atomically, type Row } from "../shared/sql/client.ts"
import { refusal, storeName } from "../shared/sql/fault.ts"
import { keyOf } from "./session/names.ts"
import { inOrder, numbers, type Session } from "./session/session.ts"

const bitsIn = (rows: ReadonlyArray<Row>): ReadonlyMap<number, Uint8Array> =>
  new Map(rows.map(([number, bits]) => [Number(number), bits as Uint8Array]))

export const guardsOver = (self: Session): GuardStore => {
  const { statements } = self
  return {
    name: storeName,
    // Steps of one process would only make each other repeat.
    run: (kind, name, input) => inOrder(self.guards, [`${kind.name} ${name}`], run(self, kind, name, input)),
    readBits: (filter, wanted) =>
      Effect.map(ask(self, "readBits", statements.readBits, [keyOf(filter), numbers(wanted)]), (rows) => {
        const found = bitsIn(rows)
        return wanted.map((number) => found.get(number))
      }),
    mergeBits: (filter, blocks) =>
      atomically(self, "mergeBits", (ask) => {
        const key = keyOf(filter)
        const wanted = numbers(blocks.map(({ number }) => number))
        return Effect.gen(function*() {
          yield* ask(statements.lockBits, [key])
          const found = bitsIn(yield* ask(statements.readBits, [key, wanted]))
          const merged = blocks.map(({ bytes, number }) => merge(found.get(number), bytes))
          yield* ask(statements.writeBits, [key, wanted, merged])
          return merged
        })
      }),
    removeBits: (filter) => Effect.asVoid(ask(self, "removeBits", statements.removeBits, [keyOf(filter)]))
  }
}

const textOf = (state: unknown): string | null => state === null || state === undefined ? null : String(state)

const run = Effect.fnUntraced(function*<State, Input, Answer>(
  self: Session,
  kind: Kind<State, Input, Answer>,
  name: string,
  input: Input
): Effect.fn.Return<Answer, StoreError> {
  const { statements } = self
  const key = keyOf(name)
  let [row] = yield* ask(self, kind.name, statements.guard, [kind.name, key])
  let present = textOf(row![0])
  let now = Number(row![1])
  for (let attempt = 0; attempt < Defaults.guardAttempts; attempt++) {
    const before = present === null ? undefined : parse<State>(present)
    const { answer, expiresAt, state } = kind.step(before, now, input)
    const after = state === undefined ? null : JSON.stringify(state)
    if (after === null && present === null) return answer
    const params = [kind.name, key, present, after, String(state === undefined ? now : expiresAt)]
    row = (yield* ask(self, kind.name, statements.swap_guard, params))[0]
    if (row![0] === true) return answer
    present = textOf(row![1])
    now = Number(row![2])
  }
  return yield* refusal(kind.name, "Unavailable", "other processes changed the state again and again")
})
