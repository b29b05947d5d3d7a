/** Acquires, renews and releases leases. A lease is the right of one process to load an id. */
import * as Effect from "effect/Effect"
import * as Limits from "../../../internal/defaults/redis.ts"
import { lifeMillis } from "../../../internal/store/leases.ts"
import type { Acquired, AcquireRequest, Join } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { type Fault, isFault, Lost, noAnswer } from "../fault.ts"
import * as Packed from "../protocol/packed.ts"
import * as Replies from "../protocol/replies.ts"
import * as Debts from "../session/debts.ts"
import { control, run } from "../session/era.ts"
import type { Control } from "../session/session.ts"
import { Again, askingMany, sendTurn } from "./many.ts"
import { allDone, asking, contended, isDone, type Kind, list, type Operation, type StoreState, write } from "./state.ts"

export const acquire = (
  self: StoreState,
  requests: ReadonlyArray<AcquireRequest>
): Operation<ReadonlyArray<Acquired>> =>
  Effect.suspend(() => {
    const granted: Array<Held> = []
    // If the answer for one id is a fault, the loads use none of the leases, so all of them are released.
    return Effect.tapError(askForAll(self, requests, granted), () =>
      Effect.sync(() => {
        for (const held of granted) oweRelease(self, held)
      }))
  })

interface Acquiring extends AcquireRequest {
  readonly granted: Array<Held>
  /** The `writeId` of the entry with which the server does not answer. */
  readonly rejected: Buffer
  readonly attempts: number
  readonly isDamaged?: true
}

const askForAll = (self: StoreState, requests: ReadonlyArray<AcquireRequest>, granted: Array<Held>) =>
  askingMany<Acquiring, Acquired>(self, {
    operation: "acquire",
    items: requests.map((request) => ({
      ...request,
      granted,
      rejected: Replies.toRaw(request.rejectedWriteId ?? ""),
      attempts: Limits.conflicts
    })),
    kind: acquires,
    combine: (answers) => answers as ReadonlyArray<Acquired>
  })

const sendAcquires = (self: StoreState, items: ReadonlyArray<Acquiring>, done: Done): void => {
  const { session } = self
  const { isCluster } = session.wire
  const [{ join, leaseMillis, owner }] = items as readonly [Acquiring]
  // Leases may share a generation, because a generation is compared with that of its own id only.
  const fresh = self.tokens.next(16)
  const packed = Packed.make(items.length * expectedRejected)
  for (const { rejected } of items) packed.roomFor(rejected.length).set(rejected)
  let told: Control | Fault | undefined
  // The sequence is read in the turn in which the lease is acquired, and therefore before the load starts.
  if (isCluster) control(session, (answer) => told = answer)
  run(session, "acquire", {
    keys: items.map(({ id }) => ["vlf", id]),
    fixed: isCluster ? [] : [session.keys.sequence],
    args: [owner, fresh, ...millisOf(leaseMillis), joinOf(join), packed.bytes()]
  }, (given) => {
    const isLost = given instanceof Lost
    const answer = isFault(told) && !isFault(given) ? told : given
    // The loads fail, but the server may have granted the leases: on a cluster, perhaps only the era's read failed.
    if (isLost || isCluster && isFault(answer)) { for (const { id } of items) oweRelease(self, { id, owner }) }
    if (isFault(answer)) return done(answer)
    const answers = list(answer)
    const seq = told === undefined || isFault(told) ? Replies.toCount(answers[items.length]) : told.seq
    done(items.map((item, i) => acquiredOf(self, { answer: answers[i], item, fresh, seq })))
  })
}

const expectedRejected = 4

const idOf = ({ id }: { readonly id: string }): string => id

const acquires: Kind<Acquiring> = {
  idOf,
  areAlike: ({ join, leaseMillis, owner }, other) =>
    owner === other.owner && leaseMillis === other.leaseMillis && joinOf(join) === joinOf(other.join),
  send: sendAcquires
}

interface Answered {
  readonly answer: unknown
  readonly item: Acquiring
  readonly fresh: string
  readonly seq: number | undefined
}

const acquiredOf = (
  { session }: StoreState,
  { answer, fresh, item, seq }: Answered
): Acquired | Fault | Again<Acquiring> => {
  const { attempts, granted, id, isDamaged, owner } = item
  const lease = answer === 0
    ? { _tag: "Granted", generation: fresh, failures: undefined } as const
    : Replies.toLease(answer)
  if (lease?._tag === "Granted") {
    granted.push({ id, owner })
    return { ...lease, seq, isDamaged }
  }
  if (lease?._tag !== "Stored") return lease ?? noAnswer("acquire")
  const { entry } = Replies.toEntry(id, lease.frame, session.wire.offset())
  if (entry !== undefined) return { _tag: "Hit", entry }
  // The entry is damaged, so the caller could not use it. Asks again, and rejects this entry on the caller's behalf.
  return attempts === 1
    ? contended
    : new Again({ ...item, rejected: Replies.rawWriteId(lease.frame), attempts: attempts - 1, isDamaged: true })
}

const joinOf = (join: Join): string =>
  typeof join === "boolean" ? join ? "yes" : "no" : String(Math.max(0, Math.ceil(join.afterMillis)))

const millisOf = (leaseMillis: number): readonly [lease: string, life: string] => {
  const lease = Math.max(1, Math.ceil(leaseMillis))
  return [String(lease), String(lifeMillis(lease))]
}

interface Held {
  readonly id: string
  readonly owner: string
}

interface Renewing extends Held {
  readonly leaseMillis: number
}

const renewals: Kind<Renewing> = {
  idOf,
  areAlike: ({ leaseMillis, owner }, other) => owner === other.owner && leaseMillis === other.leaseMillis,
  send: ({ session }, items, done) => {
    const [{ leaseMillis, owner }] = items as readonly [Renewing]
    run(session, "renew", {
      keys: items.map(({ id }) => ["l", id]),
      args: [owner, ...millisOf(leaseMillis)]
    }, done)
  }
}

export const renew = (
  self: StoreState,
  ids: ReadonlyArray<string>,
  owner: string,
  leaseMillis: number
): Operation<ReadonlyArray<boolean>> =>
  askingMany(self, {
    operation: "renew",
    items: ids.map((id): Renewing => ({ id, owner, leaseMillis })),
    kind: renewals,
    combine: allDone
  })

export const release = (self: StoreState, { id, owner }: Held, note: Uint8Array | undefined): Operation<boolean> =>
  asking("release", (done) => {
    // The lease may have been requested in this turn.
    sendTurn(self)
    releaseOne(self, { id, owner, note }, (answer) => {
      if (isFault(answer) && answer.reason === "Unavailable") oweRelease(self, { id, owner, note })
      done(answer)
    })
  }, isDone)

interface Releasing extends Held {
  readonly note?: Uint8Array | undefined
}

const releaseOne = (self: StoreState, { id, note, owner }: Releasing, done: Done): void =>
  write(self, "release", {
    keys: [["lf", id]],
    args: [owner, ...note === undefined ? ["0", ""] : ["1", Buffer.from(note)]],
    changes: [{ _tag: "End", id }],
    isWrite: false,
    late(answer) {
      if (answer instanceof Lost) oweRelease(self, { id, owner, note })
    }
  }, done)

const oweRelease = (self: StoreState, releasing: Releasing): void =>
  Debts.owe(self.debts, `${releasing.owner} ${releasing.id}`, (done) => releaseOne(self, releasing, done))
