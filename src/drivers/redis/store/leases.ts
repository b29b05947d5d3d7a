/** Acquires, renews and releases leases. A lease is the right of one process to load an id. */
import * as Effect from "effect/Effect"
import * as Limits from "../../../internal/defaults/redis.ts"
import { lifeMillis } from "../../../internal/store/leases.ts"
import type { Acquired, AcquireRequest, Join } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { type Fault, isFault, Lost, noAnswer } from "../fault.ts"
import { leaseKeys } from "../protocol/keys.ts"
import * as Packed from "../protocol/packed.ts"
import * as Replies from "../protocol/replies.ts"
import * as Debts from "../session/debts.ts"
import { control, run } from "../session/era.ts"
import type { Control } from "../session/session.ts"
import * as Unreadable from "../session/unreadable.ts"
import { askingMany, failed } from "./many.ts"
import { allDone, asking, contended, isDone, type Operation, type StoreState, write } from "./state.ts"

export const acquireMany = (
  self: StoreState,
  requests: ReadonlyArray<AcquireRequest>
): Operation<ReadonlyArray<Acquired>> =>
  withRejected(self, requests, (asked) => {
    const granted: Array<Held> = []
    // If the answer for one id is a fault, the loads use none of the leases, so all of them are released.
    return Effect.tapError(askForAll(self, asked, granted), () =>
      Effect.sync(() => {
        for (const held of granted) oweRelease(self, held)
      }))
  })

/** Marks entries that the server cannot send as rejected, so that the server does not answer with them. */
const withRejected = <A>(
  { unreadable }: StoreState,
  requests: ReadonlyArray<AcquireRequest>,
  ask: (requests: ReadonlyArray<AcquireRequest>) => Operation<A>
): Operation<A> =>
  Effect.suspend(() => {
    if (unreadable.suspects.size === 0) return ask(requests)
    const finding = Unreadable.findingLogged(unreadable, "acquire", requests.map(({ id }) => id))
    return Effect.flatMap(finding, (found) =>
      ask(requests.map((request) => {
        const tooLarge = found.get(request.id)
        return tooLarge === undefined ? request : { ...request, rejectedWriteId: Unreadable.writeIdOf(tooLarge) }
      })))
  })

const askForAll = (self: StoreState, requests: ReadonlyArray<AcquireRequest>, granted: Array<Held>) => {
  // All leases of a wave may share a generation, because a generation is compared with that of its own id only.
  let known: string | undefined
  const fresh = () => known ??= self.tokens.next(16)
  const note = ({ id, owner }: AcquireRequest, answer: unknown): unknown => {
    if ((answer as Acquired | undefined)?._tag === "Granted") granted.push({ id, owner })
    return answer
  }
  return askingMany<AcquireRequest, Acquired>(self, {
    operation: "acquire",
    items: requests,
    kind: {
      idOf: ({ id }) => id,
      // On a cluster, the sequence that a lease needs is in another slot.
      areAlike: ({ join, leaseMillis, owner }, other) =>
        !self.session.wire.isCluster && owner === other.owner && leaseMillis === other.leaseMillis &&
        joinOf(join) === joinOf(other.join),
      send: (_, part, done) => sendAcquires(self, part, fresh(), done),
      decoderOf: (answers) => {
        const seq = Replies.toCount(answers[answers.length - 1])
        return (answer, request) => note(request, acquiredOf(self, { answer, id: request.id, fresh: fresh(), seq }))
      },
      sendOne: (_, request, done) => acquireOne(self, request, (answer) => done(note(request, answer)))
    },
    combine: (answers) => answers as ReadonlyArray<Acquired>
  })
}

const sendAcquires = (
  self: StoreState,
  requests: ReadonlyArray<AcquireRequest>,
  fresh: string,
  done: Done
): void => {
  const { session } = self
  const [{ join, leaseMillis, owner }] = requests as readonly [AcquireRequest]
  const packed = Packed.make(requests.length * expectedRejected)
  for (const { rejectedWriteId: rejected = "" } of requests) packed.roomFor(rejected.length / 2).write(rejected, "hex")
  run(session, "acquireMany", {
    ofIds: { ids: requests.map(({ id }) => id), kinds: ["v", "l", "f"] },
    fixed: [session.keys.sequence],
    args: [owner, fresh, ...millisOf(leaseMillis), joinOf(join), String(requests.length), packed.bytes()]
  }, (answer) => {
    const isLost = answer instanceof Lost
    if (isLost || self.unreadable.suspects.size > 0) {
      const asked = requests.filter(({ rejectedWriteId }) => isLost || rejectedWriteId === undefined)
      Unreadable.note(self.unreadable, asked.map(({ id }) => ["v", id]), answer)
    }
    if (isLost) { for (const { id } of requests) oweRelease(self, { id, owner }) }
    done(answer)
  })
}

const expectedRejected = 4

interface Answered {
  readonly answer: unknown
  readonly id: string
  readonly fresh: string
  readonly seq: number | undefined
}

const acquiredOf = ({ session }: StoreState, { answer, fresh, id, seq }: Answered): unknown => {
  if (answer === 0) return { _tag: "Granted", generation: fresh, failures: undefined, seq } satisfies Acquired
  const lease = Replies.toLease(answer)
  if (lease?._tag === "Granted") return { ...lease, seq } satisfies Acquired
  if (lease?._tag !== "Stored") return lease ?? noAnswer("acquire")
  const { entry } = Replies.toEntry(id, lease.frame, session.wire.offset())
  return entry === undefined ? failed : { _tag: "Hit", entry } satisfies Acquired
}

interface Acquiring {
  readonly request: AcquireRequest
  readonly done: Done
  readonly attempts: number
  readonly rejected: Buffer
  readonly isDamaged?: true
}

const acquireOne = (self: StoreState, request: AcquireRequest, done: Done): void => {
  const { rejectedWriteId = "" } = request
  attempt(self, { request, done, rejected: Replies.toRaw(rejectedWriteId), attempts: Limits.conflicts })
}

const attempt = (self: StoreState, acquiring: Acquiring): void => {
  const { session, tokens } = self
  const { attempts, done, isDamaged, rejected, request: { id, join, leaseMillis, owner } } = acquiring
  if (attempts === 0) return done(contended)
  const { isCluster } = session.wire
  let told: Control | Fault | undefined
  // The sequence is read in the turn in which the lease is acquired, and therefore before the load starts.
  if (isCluster) control(session, (answer) => told = answer)
  run(session, "acquire", {
    keys: leaseKeys(id),
    fixed: isCluster ? [] : [session.keys.sequence],
    args: [owner, tokens.next(16), ...millisOf(leaseMillis), rejected, joinOf(join)]
  }, (answer) => {
    // This load fails, but the server may have granted the lease: on a cluster, perhaps only the era's read failed.
    const mayArrive = rejected.length === 0 && self.unreadable.suspects.size > 0
    if (answer instanceof Lost || mayArrive) Unreadable.note(self.unreadable, [["v", id]], answer)
    if (answer instanceof Lost || (isCluster && isFault(answer))) oweRelease(self, { id, owner })
    if (isFault(answer)) return done(answer)
    const lease = Replies.toLease(answer)
    if (lease === undefined) return done(noAnswer("acquire"))
    if (lease._tag === "Wait") return done(lease)
    if (lease._tag === "Granted") {
      if (isFault(told)) oweRelease(self, { id, owner })
      return done(isFault(told) ? told : { ...lease, seq: lease.seq ?? told?.seq, isDamaged } satisfies Acquired)
    }
    const { entry } = Replies.toEntry(id, lease.frame, session.wire.offset())
    if (entry !== undefined) return done({ _tag: "Hit", entry } satisfies Acquired)
    // The entry is damaged, so the caller could not use it. Asks again, and rejects this entry on the caller's behalf.
    attempt(self, {
      ...acquiring,
      rejected: Replies.rawWriteId(lease.frame),
      attempts: attempts - 1,
      isDamaged: true
    })
  })
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

export const renewMany = (
  self: StoreState,
  ids: ReadonlyArray<string>,
  owner: string,
  leaseMillis: number
): Operation<ReadonlyArray<boolean>> =>
  askingMany(self, {
    operation: "renew",
    items: ids,
    kind: {
      idOf: (id) => id,
      send: (_, part, done) =>
        run(self.session, "renewMany", {
          ofIds: { ids: part, kinds: ["l"] },
          args: [owner, ...millisOf(leaseMillis), String(part.length)],
          ended: part.map(() => 0)
        }, done),
      sendOne: (_, id, done) => renewOne(self, { id, owner }, leaseMillis, done)
    },
    combine: allDone
  })

const renewOne = ({ session }: StoreState, { id, owner }: Held, leaseMillis: number, done: Done): void =>
  run(session, "renew", { keys: [["l", id]], args: [owner, ...millisOf(leaseMillis)], ended: 0 }, done)

export const release = (self: StoreState, { id, owner }: Held, note: Uint8Array | undefined): Operation<boolean> =>
  asking("release", (done) =>
    releaseOne(self, { id, owner, note }, (answer) => {
      if (isFault(answer) && answer.reason === "Unavailable") oweRelease(self, { id, owner, note })
      done(answer)
    }), isDone)

interface Releasing extends Held {
  readonly note?: Uint8Array | undefined
}

const releaseOne = (self: StoreState, { id, note, owner }: Releasing, done: Done): void =>
  write(self, "release", {
    keys: [["l", id], ["f", id]],
    args: [owner, ...note === undefined ? ["0", ""] : ["1", Buffer.from(note)]],
    ended: 0,
    changes: [{ _tag: "End", id }],
    isWrite: false,
    late(answer) {
      if (answer instanceof Lost) oweRelease(self, { id, owner, note })
    }
  }, done)

const oweRelease = (self: StoreState, releasing: Releasing): void =>
  Debts.owe(self.debts, `${releasing.owner} ${releasing.id}`, (done) => releaseOne(self, releasing, done))
