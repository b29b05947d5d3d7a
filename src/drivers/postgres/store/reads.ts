/** Reads entries and tag versions. All reads of one turn of the program share a statement. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import { noVersions } from "../../../internal/store/markers/markers.ts"
import { chunksOf } from "../../../internal/time/chunks.ts"
import { map } from "../../../internal/time/turns.ts"
import type { Answer, Store } from "../../../ports/store.ts"
import { noteUse } from "../../shared/room.ts"
import { ask, type Row } from "../../shared/sql/client.ts"
import { keyOf } from "../session/names.ts"
import type { Session } from "../session/session.ts"
import { reading } from "./recovery.ts"
import { decode } from "./rows.ts"

interface Read {
  readonly id: string
  readonly tags: ReadonlyArray<string>
  readonly done: (exit: Exit.Exit<Answer, StoreError>) => void
}

/** Answers through a callback. The context of the program that built the store runs the statements. */
export const callback = (self: Session, context: Context.Context<never>): NonNullable<Store["getCallback"]> => {
  let reads: Array<Read> = []
  const run = Effect.runForkWith(context)
  const flush = (): void => {
    const all = reads
    reads = []
    for (const some of all.length <= Defaults.idsOfStatement ? [all] : chunksOf(all, Defaults.idsOfStatement)) {
      run(together(self, some)).addObserver((exit) => {
        if (Exit.isFailure(exit)) { for (const { done } of some) done(Exit.failCause(exit.cause)) }
      })
    }
  }
  return (id, tags, done) => {
    if (reads.push({ id, tags, done }) === 1) queueMicrotask(flush)
  }
}

const together = (self: Session, reads: ReadonlyArray<Read>): Effect.Effect<void, StoreError> => {
  const { statements } = self
  const [first] = reads
  if (reads.length === 1 && first!.tags.length === 0) {
    return Effect.map(
      reading(self, ask(self, "get", statements.read, [keyOf(first!.id)])),
      ([row]) => first!.done(Exit.succeed(answerOf(self, first!, row, noVersions)))
    )
  }
  const tags = new Map<string, number>()
  for (const read of reads) for (const tag of read.tags) if (!tags.has(tag)) tags.set(tag, tags.size)
  const keys = reads.map(({ id }) => keyOf(id))
  const params = tags.size === 0 ? [keys] : [keys, Array.from(tags.keys(), keyOf)]
  const statement = tags.size === 0 ? statements.readMany : statements.readTagged
  return Effect.map(reading(self, ask(self, "get", statement, params)), (rows) => {
    const found = new Array<Row | undefined>(reads.length)
    const versions = new Array<string | undefined>(tags.size)
    for (const row of rows) {
      const n = Number(row[0])
      if (n > 0) found[n - 1] = row
      else versions[-n - 1] = String(row[6])
    }
    reads.forEach((read, i) =>
      read.done(
        Exit.succeed(
          answerOf(
            self,
            read,
            found[i],
            read.tags.length === 0 ? noVersions : read.tags.map((tag) => versions[tags.get(tag)!])
          )
        )
      )
    )
  })
}

const answerOf = (
  self: Session,
  { id }: Read,
  row: Row | undefined,
  versions: ReadonlyArray<string | undefined>
): Answer => {
  if (row === undefined || row[1] === null) return { entry: undefined, versions }
  const entry = used(self, id, row)
  return entry === undefined ? { entry, versions, isDamaged: true } : { entry, versions }
}

/** Decodes an entry that a reader gets, and notes its use. */
const used = ({ room }: Session, id: string, row: Row): Stored | undefined => {
  const entry = decode(id, row, 1)
  const since = row[5]
  if (entry !== undefined && typeof since === "number") noteUse(room, id, entry.meta, since)
  return entry
}

export const getMany = (self: Session): Store["getMany"] => (ids) =>
  Effect.map(
    Effect.forEach(chunksOf(ids, Defaults.idsOfStatement), (some) => entriesOf(self, some)),
    (all) => all.length === 1 ? all[0]! : all.flat()
  )

const entriesOf = Effect.fnUntraced(function*(
  self: Session,
  ids: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<Stored | undefined>, StoreError> {
  const rows = yield* reading(self, ask(self, "getMany", self.statements.readMany, [ids.map(keyOf)]))
  const entries = new Array<Stored | undefined>(ids.length).fill(undefined)
  yield* map(rows, (row) => {
    const n = Number(row[0]) - 1
    entries[n] = used(self, ids[n]!, row)
  })
  return entries
})
