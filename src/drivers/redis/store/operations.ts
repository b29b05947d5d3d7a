/** The operations of a store on Redis. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { complete } from "../../../internal/store/complete.ts"
import * as Conditions from "../../../internal/store/conditions.ts"
import { lifeMillis } from "../../../internal/store/leases.ts"
import { isPage } from "../../../internal/store/pageIds.ts"
import { tooLarge } from "../../../internal/store/tooLarge.ts"
import * as Turns from "../../../internal/time/turns.ts"
import * as Tokens from "../../../internal/token.ts"
import type {
  Acquired,
  AcquireOptions,
  Join,
  Marker,
  Markers,
  NamedCounter,
  Scanned,
  SetCondition,
  Store,
  StoreCore,
  TouchOptions
} from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"
import type { Session } from "../connection/commands.ts"
import type { Connection, Done } from "../connection/connection.ts"
import { Fault, isFault, noAnswer, type Scrub, storeError, storeName } from "../fault.ts"
import type { Opened } from "../open.ts"
import { hashOf, keysOfWrite, type Kind, markerOf, type Named } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { outOfRange as outOfRangeAnswer } from "../protocol/scripts/counters.ts"
import { foreign } from "../protocol/scripts/script.ts"
import * as Published from "../tracking/published.ts"
import * as Tracking from "../tracking/tracking.ts"
import type { Recovery } from "./recovery.ts"
import * as RedisTransact from "./transact.ts"

interface Parts {
  readonly session: Session
  readonly tokens: Tokens.Tokens
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  readonly maxValue: number
  readonly scrub: Scrub
  readonly changed: Recovery["changed"]
  readonly published: Published.Published
}

/** The store over what is open. */
export const storeOver = ({ config, recovery, session }: Opened): Effect.Effect<Store, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const scope = yield* Effect.scope
    const tokens = Tokens.make(yield* Tokens.Seed)
    const { changed } = recovery
    const { maxValue, scrub } = config
    const published = Published.make(session, tokens.next(8), scrub)
    // the connection is closed after that
    yield* Effect.addFinalizer(() => published.settle)
    const parts: Parts = { session, tokens, clock, scope, changed, published, maxValue, scrub }
    yield* recovery.start({
      session,
      operationsOver: (session) => complete(operations({ ...parts, session, changed: () => {} }))
    })
    return complete(operations(parts))
  })

/** Asks, and makes a value of the answer. */
const asking = <A>(
  operation: string,
  ask: (done: Done) => void,
  decode: (answer: unknown) => A | Fault
): Effect.Effect<A, StoreError> =>
  Effect.callback((resume) => {
    ask((answer) => {
      const value = isFault(answer) ? answer : decode(answer)
      resume(isFault(value) ? Exit.fail(storeError(operation, value)) : Exit.succeed(value))
    })
  })

/** All answers in order, or the first fault. */
const all = <A>(items: ReadonlyArray<A>, ask: (item: A, done: Done) => void, done: Done): void => {
  const answers = new Array<unknown>(items.length)
  let left = items.length
  let fault: Fault | undefined
  if (left === 0) return done(answers)
  items.forEach((item, i) =>
    ask(item, (answer) => {
      if (isFault(answer)) fault ??= answer
      else answers[i] = answer
      if (--left === 0) done(fault ?? answers)
    })
  )
}

const isDone = (answer: unknown): boolean | Fault => {
  if (answer === 1) return true
  if (answer === 0) return false
  return answer === foreign ? notOurs : noAnswer("a script")
}

const notOurs = new Fault(
  "Unsupported",
  "under the key is what a newer release or another program has stored: it is left alone",
  foreign
)

const contended = new Fault("Unavailable", "the entry is changed by others again and again")

const noMarkers: ReadonlyArray<Named> = []

interface Asked {
  readonly tags: ReadonlyArray<string>
  readonly markers: ReadonlyArray<Named>
}

const hasSame = (some: ReadonlyArray<string>, others: ReadonlyArray<string>): boolean => {
  if (some.length !== others.length) return false
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false
  return true
}

const list = (answer: unknown): ReadonlyArray<unknown> => answer as ReadonlyArray<unknown>

/** Beyond, a time is for ever. */
const longest = Number.MAX_SAFE_INTEGER / 4

const leaseKeys = (id: string): ReadonlyArray<Named> => [["v", id], ["l", id], ["f", id]]

const joinOf = (join: Join): string =>
  typeof join === "boolean" ? join ? "yes" : "no" : String(Math.max(0, Math.ceil(join.afterMillis)))

/** How much of a frame says which write it is, and with which deadlines. */
const headSize = 51

const operations = ({ changed, clock, maxValue, published, scope, scrub, session, tokens }: Parts): StoreCore => {
  const { keys, wire } = session
  const now = () => clock.currentTimeMillisUnsafe()
  const own = Tracking.makeOwn()
  const known = Tracking.makeKnown()

  const confirmed = (changes: ReadonlyArray<Told>, done: Done): Done => (answer) => {
    if (!isFault(answer)) {
      changed(changes)
      published.tell(changes)
    }
    done(answer)
  }
  const entryOf = (id: string): Told => ({ _tag: "Entry", id })
  const loadOf = (id: string): Told => ({ _tag: "Load", id })

  /** How long Redis keeps something, as an argument: empty for ever. A part of a millisecond is one. */
  const ttlOf = (expiresAt: number): string => {
    const millis = Math.max(1, Math.ceil(expiresAt - now()))
    return millis < longest ? String(millis) : ""
  }

  /** A moment in the server's time, as an argument. */
  const momentOf = (millis: number): string =>
    millis < longest ? String(Math.max(1, Math.ceil(millis + wire.offset()))) : ""

  const refused = (operation: "set" | "commit", id: string, { payload }: Stored): StoreError | undefined =>
    payload.length <= maxValue
      ? undefined
      : tooLarge({ store: storeName, operation, id, size: payload.length, limit: ["maxValue", maxValue] })

  const checked = <A>(
    operation: "set" | "commit",
    requests: ReadonlyArray<{ readonly id: string; readonly entry: Stored }>,
    effect: () => Effect.Effect<A, StoreError>
  ): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      for (const { entry, id } of requests) {
        const error = refused(operation, id, entry)
        if (error === undefined) continue
        if (operation === "set") noteUnstored(id, entry)
        return Effect.fail(error)
      }
      return effect()
    })

  // -------------------------------------------------------------------------------------------------------------------
  // entries
  // -------------------------------------------------------------------------------------------------------------------

  /** The tags that were read last: many entries have the same ones. A copy, because a caller may change a list of its own. */
  let last: Asked = { tags: [], markers: [] }
  const askedOf = (tags: ReadonlyArray<string>): Asked => {
    if (!hasSame(tags, last.tags)) last = { tags: Array.from(tags), markers: tags.map(markerOf) }
    return last
  }

  /** Of the answer that was read last: what reads at once the same marker has one answer. */
  let lastAnswer: unknown
  let lastVersion: string | undefined
  const versionOf = (answer: unknown): string | undefined => {
    if (answer !== lastAnswer) {
      lastAnswer = answer
      lastVersion = Replies.toVersion(answer)
    }
    return lastVersion
  }

  const getCallback: NonNullable<Store["getCallback"]> = (id, given, done) => {
    const { markers, tags } = askedOf(given)
    session.read([["v", id]], markers, (answer) => {
      if (isFault(answer)) return done(Exit.fail(storeError("get", answer)))
      const answers = list(answer)
      const { entry, isDamaged } = Replies.toEntry(id, answers[0], wire.offset())
      const versions = tags.map((_, i) => versionOf(answers[i + 1]))
      for (let i = 0; i < tags.length; i++) known.isAt(tags[i]!, versions[i])
      done(Exit.succeed(isDamaged ? { entry, versions, isDamaged } : { entry, versions }))
    })
  }

  const get: Store["get"] = (id, tags) => Effect.callback((resume) => getCallback(id, tags, resume))

  /** What many keys have, decoded as it comes: the next answers are on their way. Of very many some are asked for at once. */
  const readMany = <A>(
    operation: string,
    named: ReadonlyArray<Named>,
    decode: (answer: unknown, text: string) => A
  ): Effect.Effect<ReadonlyArray<A>, StoreError> => {
    const read = (some: ReadonlyArray<Named>, done: Done): void =>
      session.read(some, noMarkers, (answer) => {
        if (isFault(answer)) return done(answer)
        done(list(answer).map((one, i) => decode(one, some[i]![1])))
      })
    return Turns.inParts(
      named,
      (part) =>
        asking(
          operation,
          (done) => all(chunksOf(part), read, done),
          (answer) => (answer as ReadonlyArray<ReadonlyArray<A>>).flat() as ReadonlyArray<A>
        ),
      Limits.keysAtOnce
    )
  }

  const valueOf = (id: string): Named => ["v", id]

  const getMany = (ids: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Stored | undefined>, StoreError> =>
    readMany("getMany", ids.map(valueOf), (frame, id) => Replies.toEntry(id, frame, wire.offset()).entry)

  /** Markers live longer than what has their tags. */
  const keepMarkers = ({ meta }: Stored): void => {
    const ttl = meta.expiresAt - now()
    if (meta.tags.length === 0 || ttl < Limits.markerMillis / 2) return
    const era = session.era()
    if (era === undefined) return
    for (const { tag } of meta.tags) {
      const [kind, text] = markerOf(tag)
      const key = keys.of(kind, era, text)
      const args = ttl < longest ? ["PEXPIRE", key, String(Math.ceil(2 * ttl)), "GT"] : ["PERSIST", key]
      wire.send(hashOf(text), args, () => {})
    }
  }

  const write = (entry: Stored, id: string): readonly [Buffer, string] => {
    unstored.delete(id)
    keepMarkers(entry)
    const frame = Replies.toFrame(id, entry, wire.offset())
    own.wrote(id, frame.subarray(0, headSize))
    return [frame, ttlOf(entry.meta.expiresAt)]
  }

  /** The keys of a write by hand or a removal. Of its markers nothing is known any more. */
  const changing = (id: string): ReadonlyArray<Named> => {
    known.forget(id)
    return keysOfWrite(id, wire.isCluster)
  }

  /** When what the server has not taken ends: its removal leaves a mark. */
  const unstored = new Map<string, number>()
  const noteUnstored = (id: string, { meta }: Stored): void => {
    unstored.delete(id)
    unstored.set(id, meta.expiresAt)
    if (unstored.size <= Limits.tracking.ownWrites) return
    const [oldest] = unstored.keys()
    unstored.delete(oldest!)
  }

  /**
   * Writes a mark in place of what is stored. As long as it is there nobody else has changed the id: so what the server tells of
   * this write ends nothing in this memory, and what it tells of the next one does.
   */
  const entomb = (
    { expiresAt, generation = "", id }: {
      readonly id: string
      readonly expiresAt: number
      readonly generation?: string
    },
    done: Done
  ): void => {
    const mark = Replies.toMark(tokens.next(16))
    own.wrote(id, mark)
    session.run(
      "entomb",
      {
        keys: keysOfWrite(id, wire.isCluster),
        args: [generation, mark, ttlOf(expiresAt)],
        ended: 0,
        isWrite: true
      },
      confirmed([generation === "" ? entryOf(id) : loadOf(id)], done)
    )
  }

  const setOne = (id: string, entry: Stored, done: Done): void =>
    session.run(
      "set",
      { keys: changing(id), args: write(entry, id), isWrite: true },
      confirmed([entryOf(id)], (answer) => {
        if (isFault(answer) && answer.reason === "Full") noteUnstored(id, entry)
        done(answer)
      })
    )

  const commitOne = (id: string, generation: string, entry: Stored, done: Done): void =>
    session.run(
      "commit",
      { keys: leaseKeys(id), args: [generation, ...write(entry, id)], ended: 0, isWrite: true },
      confirmed([loadOf(id)], (answer) => {
        if (!isFault(answer) || answer.reason !== "Full") return done(answer)
        entomb({ id, generation, expiresAt: entry.meta.expiresAt }, (marked) => done(marked === 0 ? marked : answer))
      })
    )

  /** A result that is too large: its generation may have ended all the same. */
  const commitTooLarge = (id: string, generation: string, entry: Stored, error: StoreError) =>
    Effect.flatMap(
      asking("commit", (done) => entomb({ id, generation, expiresAt: entry.meta.expiresAt }, done), isDone),
      (isAccepted) => isAccepted ? Effect.fail(error) : Effect.succeed(false)
    )

  interface Looked {
    readonly entry: Stored | undefined
    /** what is stored now begins with this; empty where nothing is */
    readonly head: Buffer
    readonly versions: ReadonlyMap<string, string | undefined>
  }

  /** An entry with the versions of its tags. */
  const look = (operation: string, id: string): Effect.Effect<Looked, StoreError> =>
    Effect.flatMap(
      asking(operation, (done) => session.read([["v", id]], noMarkers, done), (answer) => list(answer)[0]),
      (frame): Effect.Effect<Looked, StoreError> => {
        const { entry } = Replies.toEntry(id, frame, wire.offset())
        const head = Buffer.isBuffer(frame) ? frame.subarray(0, headSize) : Buffer.alloc(0)
        if (entry === undefined || entry.meta.tags.length === 0) {
          return Effect.succeed({ entry, head, versions: new Map() })
        }
        const tags = entry.meta.tags.map(({ tag }) => tag)
        return asking(
          operation,
          (done) => session.read(noMarkers, tags.map(markerOf), done),
          (answer) => ({
            entry,
            head,
            versions: new Map(list(answer).map((marker, i) => [tags[i]!, Replies.toVersion(marker)]))
          })
        )
      }
    )

  /** Looks, decides and writes, again where somebody else has written in between. */
  const compared = (
    operation: string,
    id: string,
    step: (looked: Looked, tags: { readonly version: (tag: string) => string | undefined }) =>
      | { readonly script: "setIf" | "touch"; readonly entry: Stored }
      | undefined
  ): Effect.Effect<boolean, StoreError> => {
    const attempt = (left: number): Effect.Effect<boolean, StoreError> =>
      left === 0
        ? Effect.fail(storeError(operation, contended))
        : Effect.flatMap(look(operation, id), (looked) => {
          const next = step(looked, { version: (tag) => looked.versions.get(tag) })
          if (next === undefined) return Effect.succeed(false)
          const { entry, script } = next
          return Effect.flatMap(
            asking(
              operation,
              (done) =>
                session.run(script, {
                  keys: script === "touch" ? [["v", id]] : changing(id),
                  args: [...write(entry, id), looked.head],
                  ended: 0,
                  isWrite: true
                }, confirmed([script === "touch" ? loadOf(id) : entryOf(id)], done)),
              isDone
            ),
            (done) => done ? Effect.succeed(true) : attempt(left - 1)
          )
        })
    return attempt(Limits.conflicts)
  }

  const setIf = (id: string, entry: Stored, condition: SetCondition) =>
    compared(
      "set",
      id,
      (looked, tags) => Conditions.holds(condition, looked.entry, now(), tags) ? { script: "setIf", entry } : undefined
    )

  const touch = (id: string, options: TouchOptions) =>
    compared("touch", id, (looked, tags) => {
      const entry = Conditions.touched(looked.entry, options, now(), tags)
      return entry && { script: "touch", entry }
    })

  const removeOne = (id: string, done: Done): void => {
    const remove = () => {
      own.forget(id)
      session.run("remove", { keys: changing(id), isWrite: true }, confirmed([entryOf(id)], done))
    }
    const expiresAt = unstored.get(id)
    if (expiresAt === undefined) return remove()
    // once: what is sent again later may come after a change of somebody else
    unstored.delete(id)
    known.forget(id)
    entomb({ id, expiresAt }, (answer) => answer === foreign ? remove() : done(isFault(answer) ? answer : 0))
  }

  // -------------------------------------------------------------------------------------------------------------------
  // leases
  // -------------------------------------------------------------------------------------------------------------------

  const acquireOne = (id: string, { join, leaseMillis, owner, rejectedWriteId }: AcquireOptions, done: Done): void => {
    const lease = Math.max(1, Math.ceil(leaseMillis))
    const attempt = (rejected: Buffer, left: number): void => {
      if (left === 0) return done(contended)
      let seq: number | undefined
      let fault: Fault | undefined
      // in the turn of the script: the answers are of one moment before the load
      if (wire.isCluster) {
        session.control((told) => {
          if (isFault(told)) fault = told
          else seq = told.seq
        })
      }
      session.run("acquire", {
        keys: leaseKeys(id),
        fixed: wire.isCluster ? [] : [keys.sequence],
        args: [owner, tokens.next(16), String(lease), String(lifeMillis(lease)), rejected, joinOf(join)]
      }, (answer) => {
        if (isFault(answer)) return done(answer)
        const acquired = Replies.toLease(answer)
        if (acquired === undefined) return done(noAnswer("acquire"))
        if (acquired._tag === "Stored") {
          const { entry } = Replies.toEntry(id, acquired.frame, wire.offset())
          if (entry !== undefined) return done({ _tag: "Hit", entry } satisfies Acquired)
          // damaged: rejected in the name of the caller, who cannot know its write
          return attempt(Replies.rawWriteId(acquired.frame), left - 1)
        }
        if (acquired._tag === "Wait") return done(acquired)
        if (fault !== undefined) return done(fault)
        const { failures, generation } = acquired
        const count = acquired.seq ?? seq
        done(
          {
            _tag: "Granted",
            generation,
            ...failures === undefined ? {} : { failures },
            ...count === undefined ? {} : { seq: count }
          } satisfies Acquired
        )
      })
    }
    attempt(rejectedWriteId === undefined ? Buffer.alloc(0) : Replies.toRaw(rejectedWriteId), Limits.conflicts)
  }

  const toAcquired = (answer: unknown) => answer as Acquired

  // -------------------------------------------------------------------------------------------------------------------
  // tags
  // -------------------------------------------------------------------------------------------------------------------

  const newVersion = () => Replies.toRaw(tokens.next(12))

  /** The markers of tags, with a `seq` that was read before any of them was made. */
  const markers = (tags: ReadonlyArray<string>): Effect.Effect<Markers, StoreError> =>
    asking("markers", (answered) => {
      const told = known.asking(tags)
      const done: Done = (answer) => {
        told()
        answered(answer)
      }
      const toMarkers = (answer: unknown): void => {
        if (isFault(answer)) return done(answer)
        const [seqs, found] = answer as readonly [ReadonlyArray<unknown>, ReadonlyArray<unknown>]
        const seq = Replies.toCount(seqs[0])
        const markers = found.map(Replies.toMarker)
        if (seq === undefined || markers.includes(undefined)) return done(noAnswer("markers"))
        for (let i = 0; i < tags.length; i++) known.isAt(tags[i]!, markers[i]!.version)
        done({ seq, markers: markers as ReadonlyArray<Marker> } satisfies Markers)
      }
      if (wire.isCluster) {
        return session.control((told) => {
          if (isFault(told)) return done(told)
          const seq = String(told.seq)
          const ask = (tag: string, done: Done) =>
            session.run("markers", { keys: [markerOf(tag)], args: [seq, newVersion()] }, done)
          all(tags, ask, (answer) =>
            toMarkers(
              isFault(answer) ? answer : [
                [Buffer.from(seq)],
                list(answer).map((one) => list(one)[0])
              ]
            ))
        })
      }
      const ask = (some: ReadonlyArray<string>, done: Done) =>
        session.run("markers", { fixed: [keys.sequence], keys: some.map(markerOf), args: some.map(newVersion) }, done)
      all(chunksOf(tags), ask, (answer) =>
        toMarkers(
          isFault(answer)
            ? answer
            : [[list(list(answer)[0])[0]], list(answer).flatMap((one) => list(one).slice(1))]
        ))
    }, (answer) => answer as Markers)

  const invalidateTags: StoreCore["invalidateTags"] = (tags, mode = "hard") =>
    asking("invalidateTags", (answered) => {
      if (tags.length === 0) return answered([])
      tags.forEach(known.forgetTag)
      const done = confirmed(tags.map((tag) => ({ _tag: "Tag", tag })), answered)
      if (wire.isCluster) {
        return session.run("count", { fixed: [keys.sequence], isWrite: true }, (answer) => {
          if (isFault(answer)) return done(answer)
          const seq = Replies.toCount(list(answer)[0])
          if (seq === undefined) return done(noAnswer("invalidateTags"))
          const ask = (tag: string, done: Done) =>
            session.run("invalidate", {
              keys: [markerOf(tag)],
              args: [mode, String(seq), newVersion()],
              isWrite: true
            }, done)
          all(tags, ask, done)
        })
      }
      const ask = (some: ReadonlyArray<string>, done: Done) =>
        session.run("invalidate", {
          fixed: [keys.sequence],
          keys: some.map(markerOf),
          args: [mode, ...some.map(newVersion)],
          isWrite: true
        }, done)
      all(chunksOf(tags), ask, done)
    }, () => undefined)

  // -------------------------------------------------------------------------------------------------------------------
  // counters
  // -------------------------------------------------------------------------------------------------------------------

  const outOfRange = new Fault("OutOfRange", "the sum is no safe integer")

  const increment: StoreCore["increment"] = (name, by, { expiresAt = Infinity } = {}) =>
    asking("increment", (done) => {
      if (!Number.isSafeInteger(by)) return done(outOfRange)
      session.run("increment", {
        keys: [["n", name]],
        args: [String(by === 0 ? 0 : by), expiresAt === Infinity ? "" : momentOf(expiresAt)],
        isWrite: true
      }, done)
    }, (answer) => {
      if (answer === outOfRangeAnswer) return outOfRange
      if (answer === foreign) return notOurs
      return Replies.toInteger(Array.isArray(answer) ? answer[0] : undefined) ?? noAnswer("increment")
    })

  const counterOf = (answer: unknown) =>
    Array.isArray(answer) ? Replies.toCounter(answer[0], answer[1], wire.offset()) : undefined

  const readCounter = (name: string, done: Done) => session.run("counter", { keys: [["n", name]] }, done)

  // -------------------------------------------------------------------------------------------------------------------
  // transactions
  // -------------------------------------------------------------------------------------------------------------------

  /** Many entries with the versions of their tags, at once. */
  const lookMany = (ids: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<RedisTransact.Looked>, StoreError> =>
    Effect.gen(function*() {
      const found = yield* readMany("transact", ids.map(valueOf), (frame, id) => ({
        entry: Replies.toEntry(id, frame, wire.offset()).entry,
        head: Buffer.isBuffer(frame) ? frame.subarray(0, headSize) : Buffer.alloc(0)
      }))
      const tags = Array.from(new Set(found.flatMap(({ entry }) => entry?.meta.tags.map(({ tag }) => tag) ?? [])))
      const told = yield* readMany("transact", tags.map(markerOf), Replies.toVersion)
      const versions = new Map(tags.map((tag, i) => [tag, told[i]]))
      return found.map(({ entry, head }) => ({
        entry,
        head,
        versions: new Map((entry?.meta.tags ?? []).map(({ tag }) => [tag, versions.get(tag)]))
      }))
    })

  const transact = RedisTransact.make({
    store: storeName,
    now,
    look: lookMany,
    counters: (names) =>
      asking("transact", (done) => all(names, readCounter, done), (answer) => list(answer).map(counterOf)),
    write: (entry, id) => write(entry, id),
    momentOf: (millis) => millis === Infinity ? "" : momentOf(millis),
    refused: (id, entry) => refused("set", id, entry),
    run: ({ args, changes, keys: named }) =>
      asking<RedisTransact.Answered>(
        "transact",
        (done) => {
          for (const change of changes) {
            if (change._tag === "Entry") known.forget(change.id)
            else if (change._tag === "Tag") known.forgetTag(change.tag)
          }
          session.run(
            "transact",
            { fixed: wire.isCluster ? [] : [keys.sequence], keys: named, args, isWrite: true },
            confirmed(changes, done)
          )
        },
        (answer) => {
          if (answer === outOfRangeAnswer) return outOfRange
          if (answer === foreign) return notOurs
          const [isDone, numbers] = Array.isArray(answer) ? answer as ReadonlyArray<unknown> : []
          return Array.isArray(numbers)
            ? { isDone: isDone === 1, numbers: numbers as ReadonlyArray<number> }
            : noAnswer("transact")
        }
      ),
    commitElsewhere: wire.isCluster
      ? ({ entry, generation, id }) => asking("commit", (done) => commitOne(id, generation, entry, done), isDone)
      : undefined,
    contended: storeError("transact", contended),
    attempts: Limits.conflicts
  })

  // -------------------------------------------------------------------------------------------------------------------
  // listings
  // -------------------------------------------------------------------------------------------------------------------

  interface Place {
    readonly masters: ReadonlyArray<Connection>
    readonly cursor: string
    readonly era: string
    /** how many keys of the server one step looks at */
    readonly count: number
  }

  /** Walks over the keys of a kind, master by master, a page at a time. A key may come twice: it is given once. */
  const listing = <A>(
    operation: string,
    kind: Kind,
    prefix: string,
    read: (texts: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<A | undefined>, StoreError>
  ): Stream.Stream<A, StoreError> =>
    Stream.suspend(() => {
      const seen = new Set<string>()
      const start = asking(operation, (done) => session.control(done), (told) => told as { readonly era: string })
      const page = ({ count, cursor, era, masters }: Place) => {
        const [master, ...others] = masters
        if (master === undefined) return Effect.succeed([[] as ReadonlyArray<A>, Option.none<Place>()] as const)
        const args = ["SCAN", cursor, "MATCH", keys.pattern(kind, era, prefix), "COUNT", String(count)]
        return Effect.flatMap(
          asking(operation, (done) => master.send(args, done), (answer) => Replies.toPage(answer) ?? noAnswer("SCAN")),
          (found) => {
            const texts: Array<string> = []
            for (const key of found.keys) {
              const parts = keys.partsOf(key.toString())
              if (parts?.kind !== kind || parts.era !== era) continue
              const { text } = parts
              if (!text.startsWith(prefix) || seen.has(text)) continue
              seen.add(text)
              texts.push(text)
            }
            const place = {
              era,
              // where the server holds much else, more of it is passed over at once
              count: found.keys.length === 0 ? Math.min(2 * count, Limits.keysSkipped) : Limits.keysPerCommand
            }
            const next: Place = found.cursor === "0"
              ? { ...place, masters: others, cursor: "0" }
              : { ...place, masters, cursor: found.cursor }
            return Effect.map(Turns.inParts(texts, read, Limits.keysPerCommand), (values) =>
              [
                values.filter((value) => value !== undefined) as ReadonlyArray<A>,
                next.masters.length === 0 ? Option.none<Place>() : Option.some(next)
              ] as const)
          }
        )
      }
      return Stream.unwrap(
        Effect.map(start, ({ era }) =>
          Stream.paginate<Place, A, StoreError>({
            masters: wire.masters(),
            cursor: "0",
            era,
            count: Limits.keysPerCommand
          }, page))
      )
    })

  const scan: StoreCore["scan"] = ({ prefix = "" } = {}) =>
    listing<Scanned>(
      "scan",
      "v",
      prefix,
      (ids) =>
        Effect.map(getMany(ids), (entries) => entries.map((entry, i) => entry && { id: ids[i]!, meta: entry.meta }))
    )

  const scanCounters: StoreCore["scanCounters"] = ({ prefix = "" } = {}) =>
    listing<NamedCounter>(
      "scanCounters",
      "n",
      prefix,
      (names) =>
        asking("scanCounters", (done) => all(names, readCounter, done), (answer) =>
          list(answer).map((one, i) => {
            const counter = counterOf(one)
            return counter && { name: names[i]!, ...counter }
          }))
    )

  /** How many keys there are; no value is read. */
  const size = Effect.suspend(() =>
    Stream.runCount(
      listing<string>("size", "v", "", (ids) => Effect.succeed(ids.filter((id) => !isPage(id))))
    )
  )

  // -------------------------------------------------------------------------------------------------------------------
  // clearing
  // -------------------------------------------------------------------------------------------------------------------

  let sweeping: number | undefined

  /** Frees the room of eras before one. Nobody waits for it, and what it does not reach expires. */
  const sweep = Effect.fnUntraced(function*(master: Connection) {
    let cursor = "0"
    do {
      const found = yield* asking(
        "clear",
        (done) => master.send(["SCAN", cursor, "MATCH", keys.allEras, "COUNT", String(Limits.keysPerCommand)], done),
        (answer) => Replies.toPage(answer) ?? noAnswer("SCAN")
      )
      cursor = found.cursor
      const old = found.keys.filter((key) => Number(keys.partsOf(key.toString())?.era ?? Infinity) < sweeping!)
      yield* asking("clear", (done) => {
        if (old.length === 0) return done([])
        if (!wire.isCluster) return master.send(["UNLINK", ...old], done)
        all(old, (key, done) => master.send(["UNLINK", key], done), done)
      }, () => undefined)
      yield* Effect.yieldNow
    } while (cursor !== "0")
  })

  const startSweeping = (before: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const isRunning = sweeping !== undefined
      sweeping = before
      if (isRunning) return Effect.void
      const whole = Effect.suspend(() =>
        Effect.forEach(wire.masters(), (master) => Effect.ignore(sweep(master)), { discard: true })
      )
      // a second `clear` meanwhile leaves what the first one has passed
      const until = Effect.gen(function*() {
        for (let done = 0; done !== sweeping;) {
          done = sweeping!
          yield* whole
        }
      })
      const forked = Effect.forkIn(Effect.ensuring(until, Effect.sync(() => sweeping = undefined)), scope)
      return Effect.asVoid(forked)
    })

  const clear = Effect.flatMap(
    asking(
      "clear",
      (done) => session.beginEra(confirmed([{ _tag: "All" }], done)),
      (answer) => Number(answer)
    ),
    startSweeping
  )

  return {
    name: storeName,
    capabilities: { shared: true, changes: true, dependencies: wire.isCluster ? "ids" : true },
    changes: Tracking.changesOf({ session, published, own, known, scrub }),
    isWhole: wire.isWhole,
    get,
    getCallback,
    getMany,
    set: (id, entry, condition) =>
      checked("set", [{ id, entry }], () =>
        condition === undefined
          ? asking("set", (done) => setOne(id, entry, done), isDone)
          : setIf(id, entry, condition)),
    setMany: (requests) =>
      checked(
        "set",
        requests,
        () =>
          asking(
            "setMany",
            (done) => all(requests, ({ entry, id }, done) => setOne(id, entry, done), done),
            (answer) => {
              const refusal = list(answer).map(isDone).find(isFault)
              return refusal ?? undefined
            }
          )
      ),
    remove: (id) => asking("remove", (done) => removeOne(id, done), isDone),
    removeMany: (ids) =>
      asking("removeMany", (done) => all(ids, removeOne, done), (answer) => list(answer).map((one) => one === 1)),
    touch,
    acquire: (id, options) => asking("acquire", (done) => acquireOne(id, options, done), toAcquired),
    acquireMany: (requests) =>
      asking(
        "acquireMany",
        (done) => all(requests, (request, done) => acquireOne(request.id, request, done), done),
        (answer) => list(answer).map(toAcquired)
      ),
    commit: (id, generation, entry) =>
      Effect.suspend(() => {
        const error = refused("commit", id, entry)
        return error === undefined
          ? asking("commit", (done) => commitOne(id, generation, entry, done), isDone)
          : commitTooLarge(id, generation, entry, error)
      }),
    commitMany: (requests) =>
      checked("commit", requests, () =>
        asking(
          "commitMany",
          (done) => all(requests, ({ entry, generation, id }, done) => commitOne(id, generation, entry, done), done),
          (answer) => {
            const done = list(answer).map(isDone)
            return done.find(isFault) ?? done.map((one) => one === true)
          }
        )),
    renew: (id, owner, leaseMillis) =>
      asking("renew", (done) => {
        const lease = Math.max(1, Math.ceil(leaseMillis))
        session.run(
          "renew",
          { keys: [["l", id]], args: [owner, String(lease), String(lifeMillis(lease))], ended: 0 },
          done
        )
      }, isDone),
    release: (id, owner, note) =>
      asking("release", (done) =>
        session.run("release", {
          keys: [["l", id], ["f", id]],
          args: [owner, note === undefined ? "0" : "1", note === undefined ? "" : Buffer.from(note)],
          ended: 0
        }, confirmed([loadOf(id)], done)), isDone),
    markers,
    invalidateTags,
    scan,
    size,
    clear,
    increment,
    counter: (name) => asking("counter", (done) => readCounter(name, done), (answer) => counterOf(answer)),
    touchCounter: (name, expiresAt) =>
      asking("touchCounter", (done) =>
        session.run("touchCounter", {
          keys: [["n", name]],
          args: [expiresAt === Infinity ? "" : momentOf(expiresAt)],
          isWrite: true
        }, done), isDone),
    removeCounter: (name) =>
      asking(
        "removeCounter",
        (done) => session.run("removeCounter", { keys: [["n", name]], isWrite: true }, done),
        isDone
      ),
    scanCounters,
    transact
  }
}

/** Groups of which each is one command; one group, and empty, where there is nothing. */
const chunksOf = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const chunks: Array<ReadonlyArray<A>> = []
  let from = 0
  do chunks.push(items.slice(from, from + Limits.keysPerCommand))
  while ((from += Limits.keysPerCommand) < items.length)
  return chunks
}
