/** The leases of loads. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import { lifeMillis, newGeneration } from "../../../internal/store/leases.ts"
import { idOf } from "../../../internal/store/many.ts"
import { aboveMaxValue } from "../../../internal/store/tooLarge.ts"
import type { Acquired, AcquireRequest, CommitRequest, Join, Store } from "../../../ports/store.ts"
import { ask, type Params, type Row } from "../../shared/sql/client.ts"
import { storeName } from "../../shared/sql/fault.ts"
import { keyOf } from "../session/names.ts"
import { inOrder, numbers, type Session } from "../session/session.ts"
import { inGroups } from "./entries.ts"
import { reading } from "./recovery.ts"
import { columnsOf, decode, keysOf, outcomesOf, placed, wholesOf } from "./rows.ts"

const joinOf = (join: Join): string => typeof join === "boolean" ? join ? "yes" : "no" : String(join.afterMillis)

const rejectedOf = ({ rejectedWriteId = "" }: AcquireRequest): Uint8Array => Buffer.from(rejectedWriteId, "hex")

export const acquire = (self: Session): Store["acquire"] => (requests) =>
  inGroups(requests, (some) => acquireOnce(self, some, false))

const acquireOnce = (
  self: Session,
  requests: ReadonlyArray<AcquireRequest>,
  skipsEntries: boolean
): Effect.Effect<ReadonlyArray<Acquired>, StoreError> => {
  const all = placed(requests)
  const items = all.map(({ item }) => item)
  const params = [
    keysOf(all),
    wholesOf(all),
    items.map(({ owner }) => owner),
    numbers(items.map(({ leaseMillis }) => leaseMillis)),
    numbers(items.map(({ leaseMillis }) => lifeMillis(leaseMillis))),
    items.map(rejectedOf),
    items.map(({ join }) => joinOf(join)),
    items.map(() => newGeneration(self.tokens)),
    skipsEntries
  ]
  const asked = Effect.flatMap(reading(self, ask(self, "acquire", self.statements.acquire, params)), (rows) => {
    const answers = new Array<Acquired>(requests.length)
    const damaged: Array<number> = []
    for (const row of rows) {
      const { index, item } = all[Number(row[0]) - 1]!
      const answer = acquiredOf(item.id, row)
      if (answer === undefined) damaged.push(index)
      else answers[index] = skipsEntries && answer._tag === "Granted" ? { ...answer, isDamaged: true } : answer
    }
    if (damaged.length === 0) return Effect.succeed(answers)
    return Effect.map(acquireOnce(self, damaged.map((i) => requests[i]!), true), (again) => {
      damaged.forEach((at, i) => answers[at] = again[i]!)
      return answers
    })
  })
  // The answer may be lost after the leases were granted: without this, others would wait until the leases end.
  const kept = Effect.onExit(asked, (exit) =>
    exit._tag === "Success"
      ? Effect.void
      : Effect.asVoid(Effect.forkDetach(giveBack(self, requests), { startImmediately: true })))
  return skipsEntries ? kept : inOrder(self.acquires, requests.map(idOf), kept)
}

/** Releases leases before the next `acquire` of the same ids, which may ask for the same owner. */
const giveBack = (self: Session, requests: ReadonlyArray<AcquireRequest>) => {
  const all = placed(requests)
  const params = [keysOf(all), all.map(({ item }) => item.owner)]
  return inOrder(
    self.acquires,
    requests.map(idOf),
    Effect.ignore(ask(self, "release", self.statements.releaseMany, params))
  )
}

const acquiredOf = (id: string, row: Row): Acquired | undefined => {
  const [, kind, , , , , generation, wait, failures, note, seq] = row
  switch (kind) {
    case "Hit": {
      const entry = decode(id, row, 2)
      return entry && { _tag: "Hit", entry }
    }
    case "Wait":
      return { _tag: "Wait", leftMillis: Number(wait) }
  }
  const granted = { _tag: "Granted", generation: String(generation), seq: Number(seq) } as const
  return typeof failures === "number" && note instanceof Uint8Array
    ? { ...granted, failures: { count: failures, note } }
    : granted
}

export const committing = (
  self: Session,
  requests: ReadonlyArray<CommitRequest>,
  at: { readonly now: number; readonly isDurable: boolean }
): Params => {
  const all = placed(requests)
  const items = all.map(({ item }) => item)
  return [
    self.origin,
    keysOf(all),
    items.map(({ generation }) => generation),
    ...columnsOf(self, items, at.now),
    at.isDurable
  ]
}

export const commit = (self: Session): Store["commit"] => (requests) =>
  inGroups(requests, (some) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const refused = aboveMaxValue(storeName, "commit", some, self.maxValue)
      if (refused !== undefined) return Effect.fail(refused)
      const params = committing(self, some, { now, isDurable: false })
      return inOrder(
        self.writes,
        some.map(idOf),
        Effect.map(ask(self, "commit", self.statements.commit, params), (rows) => outcomesOf(some, rows))
      )
    }))

export const renew = (self: Session): Store["renew"] => (ids, owner, leaseMillis) =>
  inGroups(ids, (some) => {
    const params = [keysOf(placed(some)), owner, String(leaseMillis), String(lifeMillis(leaseMillis))]
    return Effect.map(ask(self, "renew", self.statements.renew, params), (rows) => outcomesOf(some, rows))
  })

export const release = (self: Session): Store["release"] => (id, owner, note) =>
  Effect.suspend(() =>
    Effect.map(
      ask(self, "release", self.statements.release, [keyOf(id), owner, note ?? null]),
      ([row]) => row?.[0] === true
    )
  )
