/** Implements the guard store on SQL databases. */
import * as Effect from "effect/Effect"
import { merge } from "../../internal/guard/memory.ts"
import type { GuardStore } from "../../ports/guardStore.ts"
import * as GuardSwaps from "../shared/guardSwaps.ts"
import { refusal, storeName } from "./session/fault.ts"
import { ask, atomically, numbers, type Row, type Session } from "./session/session.ts"
import { keyOf } from "./session/text.ts"

const bitsIn = (rows: ReadonlyArray<Row>): ReadonlyMap<number, Uint8Array> =>
  new Map(rows.map(([number, bits]) => [Number(number), bits as Uint8Array]))

export const guardsOver = (self: Session): GuardStore => {
  const { statements } = self
  return {
    name: storeName,
    run: GuardSwaps.make(swapsOver(self)),
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

const swapsOver = (self: Session): GuardSwaps.Swaps => {
  const { statements } = self
  return {
    held: ({ kind, name }) =>
      Effect.map(ask(self, kind, statements.guard, [kind, keyOf(name)]), ([row]) => heldOf(row![0], row![1])),
    swap: ({ kind, name }, { mark, now }, { expiresAt, state }) =>
      Effect.suspend(() => {
        const after = state === undefined ? null : JSON.stringify(state)
        if (after === null && mark === "") return Effect.undefined
        const params = [kind, keyOf(name), mark === "" ? null : mark, after, String(after === null ? now : expiresAt)]
        return Effect.map(
          ask(self, kind, statements.swapGuard, params),
          ([row]) => row![0] === true ? undefined : heldOf(row![1], row![2])
        )
      }),
    unavailable: (kind, message) => refusal(kind, "Unavailable", message)
  }
}

const heldOf = (text: unknown, now: unknown): GuardSwaps.Held => {
  const mark = text === null || text === undefined ? "" : String(text)
  return { state: mark === "" ? undefined : JSON.parse(mark), mark, now: Number(now) }
}
