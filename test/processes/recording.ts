/**
 * The actions of a process, as lines in a file: written at once, so that nothing is lost with a process that is killed,
 * and timed by a clock that all processes of the machine share.
 */
import { Effect, Exit, Stream } from "effect"
import type { Store } from "effect-cached/adapters"
import { openSync, readFileSync, writeSync } from "node:fs"

/** Milliseconds of the machine's monotonic clock. */
export const clock = (): number => Number(process.hrtime.bigint()) / 1e6

export interface Line {
  readonly what: string
  readonly process: string
  /** When it began. */
  readonly at: number
  /** When it had ended; as `at` for what takes no time. */
  readonly until: number
  readonly id?: string
  readonly [field: string]: unknown
}

export interface Recorder {
  /** Something that happened now, or began at `at` and ends now. */
  readonly write: (what: string, fields?: Fields) => void
  /** Several of a kind, with one system call. */
  readonly writeAll: (what: string, all: ReadonlyArray<Fields>) => void
}

type Fields = Readonly<Record<string, unknown>>

export const recorder = (file: string, name: string): Recorder => {
  const descriptor = openSync(file, "a")
  const writeAll: Recorder["writeAll"] = (what, all) => {
    const until = clock()
    const lines = all.map((fields) => `${JSON.stringify({ what, process: name, at: until, until, ...fields })}\n`)
    if (lines.length > 0) writeSync(descriptor, lines.join(""))
  }
  return { write: (what, fields = {}) => writeAll(what, [fields]), writeAll }
}

/** All written lines, without the incomplete last line of a process that was killed while writing it. */
export const linesOf = (file: string): ReadonlyArray<Line> =>
  readFileSync(file, "utf8").split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Line]
    } catch {
      return []
    }
  })

type Operation = "acquire" | "commit" | "renew" | "release" | "set" | "remove" | "clear"

const acquiredAs = (acquired: Store.Acquired): Fields => ({
  answer: acquired._tag,
  ...acquired._tag === "Granted" ? { generation: acquired.generation } : {}
})

/** A store that records what concerns leases, and how it was answered. */
export const recorded = (store: Store.Store, { write, writeAll }: Recorder): Store.Store => {
  const record = <A, E>(
    what: Operation,
    fields: Readonly<Record<string, unknown>>,
    effect: Effect.Effect<A, E>,
    of: (answer: A) => Readonly<Record<string, unknown>>
  ): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const at = clock()
      const all = { ...fields, at }
      // A process that is killed in between may have done it.
      if (what !== "renew" && what !== "acquire") write(`${what} begins`, all)
      return Effect.onExit(effect, (exit) =>
        Effect.sync(() => write(what, { ...all, ...Exit.isSuccess(exit) ? of(exit.value) : { fault: true } })))
    })
  const answered = (answer: unknown) => ({ answer })
  /** One line for each of several, but for those without an answer. */
  const recordAll = <A, E>(
    what: Operation,
    all: ReadonlyArray<Fields>,
    effect: Effect.Effect<A, E>,
    of: (answers: A, i: number) => Fields | undefined
  ): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const at = clock()
      const lines = all.map((fields) => ({ ...fields, at }))
      if (what !== "renew" && what !== "acquire") writeAll(`${what} begins`, lines)
      return Effect.onExit(effect, (exit) =>
        Effect.sync(() =>
          writeAll(
            what,
            lines.flatMap((line, i) => {
              const more = Exit.isSuccess(exit) ? of(exit.value, i) : { fault: true }
              return more === undefined ? [] : [{ ...line, ...more }]
            })
          )
        ))
    })
  return {
    ...store,
    // Those that wait for others ask again and again.
    acquire: (requests) =>
      recordAll(
        "acquire",
        requests.map(({ rejectedWriteId: _, ...request }) => request),
        store.acquire(requests),
        (answers, i) => answers[i]!._tag === "Wait" ? undefined : acquiredAs(answers[i]!)
      ),
    commit: (requests) =>
      recordAll(
        "commit",
        requests.map(({ generation, id }) => ({ id, generation })),
        store.commit(requests),
        (answers, i) => answered(answers[i])
      ),
    renew: (ids, owner, leaseMillis) =>
      recordAll(
        "renew",
        ids.map((id) => ({ id, owner, leaseMillis })),
        store.renew(ids, owner, leaseMillis),
        (answers, i) => answered(answers[i])
      ),
    set: (requests) => recordAll("set", requests.map(({ id }) => ({ id })), store.set(requests), () => ({})),
    release: (id, owner) => record("release", { id, owner }, store.release(id, owner), answered),
    // Lost removals are sent again together with others.
    remove: (ids) =>
      ids.reduce(
        (removal, id, i) => record("remove", { id }, removal, (answers) => ({ answer: answers[i] })),
        store.remove(ids)
      ),
    clear: record("clear", { all: true }, store.clear, () => ({}))
  }
}

/**
 * A store that records the periods in which it could not report changes of others: then `maxStaleness` counts, not the
 * 100 ms.
 */
export const tracked = (store: Store.Store, { write }: Pick<Recorder, "write">): Store.Store => {
  const { changesUnsafe } = store
  let untrackedSince: number | undefined
  if (changesUnsafe === undefined) {
    untrackedSince = clock()
    write("untracked")
    const changes = store.changes.pipe(
      Stream.tap((change) =>
        Effect.sync(() => {
          if (change._tag !== "Coherent" || untrackedSince === undefined) return
          write("lag", { at: untrackedSince, untracked: true })
          write("tracked", { at: untrackedSince })
          untrackedSince = undefined
        })
      ),
      Stream.onExit(() =>
        Effect.sync(() => {
          if (untrackedSince !== undefined) return
          untrackedSince = clock()
          write("untracked")
        })
      )
    )
    return { ...store, changes }
  }
  return {
    ...store,
    changesUnsafe() {
      try {
        const changes = changesUnsafe()
        if (untrackedSince !== undefined) write("lag", { at: untrackedSince, untracked: true })
        untrackedSince = undefined
        return changes
      } catch (error) {
        if (untrackedSince === undefined) {
          untrackedSince = clock()
          write("untracked")
        }
        throw error
      }
    }
  }
}
