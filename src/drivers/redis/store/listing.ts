/** Lists and counts entries, and lists counters, with `SCAN`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { isPage } from "../../../internal/store/pageIds.ts"
import * as Turns from "../../../internal/time/turns.ts"
import type { NamedCounter, Scanned } from "../../../ports/store.ts"
import * as Connection from "../connection/connection.ts"
import type { Done } from "../connection/connection.ts"
import { noAnswer } from "../fault.ts"
import type { KeyKind } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { control } from "../session/era.ts"
import type { Control } from "../session/session.ts"
import { counters } from "./counters.ts"
import { getMany } from "./reads.ts"
import { asking, type Operation, type StoreState } from "./state.ts"

export const scan = (self: StoreState, prefix: string): Stream.Stream<Scanned, StoreError> =>
  listing<Scanned>(self, {
    operation: "scan",
    kind: "v",
    prefix,
    read: (ids) =>
      Effect.map(
        getMany(self, ids),
        (entries) => entries.map((entry, i) => entry && { id: ids[i]!, meta: entry.meta })
      )
  })

/** Lists ids that have a lease. */
export const scanLoads = (self: StoreState, prefix: string): Stream.Stream<string, StoreError> =>
  listing(self, { operation: "scanLoads", kind: "l", prefix, read: (ids) => Effect.succeed(ids) })

export const scanCounters = (self: StoreState, prefix: string): Stream.Stream<NamedCounter, StoreError> =>
  listing<NamedCounter>(self, {
    operation: "scanCounters",
    kind: "n",
    prefix,
    read: (names) =>
      Effect.map(
        counters(self, "scanCounters", names),
        (found) => found.map((counter, i) => counter && { name: names[i]!, ...counter })
      )
  })

/** Counts entries, without pages of streams. */
export const size = (self: StoreState): Operation<number> =>
  Stream.runCount(listing<unknown>(self, {
    operation: "size",
    kind: "v",
    prefix: "",
    read: (ids) => Effect.succeed(ids.filter((id) => !isPage(id)))
  }))

interface Listing<A> {
  readonly operation: string
  readonly kind: KeyKind
  readonly prefix: string
  readonly read: (texts: ReadonlyArray<string>, era: string) => Operation<ReadonlyArray<A | undefined>>
}

interface Place {
  readonly masters: ReadonlyArray<Connection.Connection>
  readonly cursor: string
  readonly era: string
  readonly count: number
}

/** Lists the keys of a kind, one master and one page at a time. Skips duplicates, which `SCAN` may return. */
const listing = <A>(self: StoreState, given: Listing<A>): Stream.Stream<A, StoreError> =>
  Stream.suspend(() => {
    const { session } = self
    const seen = new Set<string>()
    const start = asking(given.operation, (done) => control(session, done), (answer) => answer as Control)
    return Stream.unwrap(Effect.map(start, ({ era }) =>
      Stream.paginate<Place, A, StoreError>(
        { masters: session.wire.masters(), cursor: "0", era, count: Limits.keysPerCommand },
        (place) => pageOf(self, given, place, seen)
      )))
  })

type Page<A> = readonly [items: ReadonlyArray<A>, next: Option.Option<Place>]

const pageOf = <A>(
  { session: { keys } }: StoreState,
  { kind, operation, prefix, read }: Listing<A>,
  place: Place,
  seen: Set<string>
): Operation<Page<A>> => {
  const { count, cursor, era, masters: [master, ...others] } = place
  if (master === undefined) return Effect.succeed([[], Option.none()])
  const args = ["SCAN", cursor, "MATCH", keys.pattern(kind, era, prefix), "COUNT", String(count)]
  return Effect.flatMap(scanKeys(operation, master, args), (found) => {
    const texts: Array<string> = []
    for (const key of found.keys) {
      const parts = keys.partsOf(key.toString())
      if (parts?.kind !== kind || parts.era !== era) continue
      const { text } = parts
      if (!text.startsWith(prefix) || seen.has(text)) continue
      seen.add(text)
      texts.push(text)
    }
    const isEnd = found.cursor === "0"
    const next: Place = {
      era,
      masters: isEnd ? others : place.masters,
      cursor: found.cursor,
      // An empty page suggests that most keys are unrelated, so the next page covers more keys.
      count: found.keys.length === 0 ? Math.min(2 * count, Limits.keysSkipped) : Limits.keysPerCommand
    }
    return Effect.map(Turns.inParts(texts, (part) => read(part, era), Limits.keysPerCommand), (items): Page<A> => [
      items.filter((item) => item !== undefined),
      next.masters.length === 0 ? Option.none() : Option.some(next)
    ])
  })
}

const scanKeys = (
  operation: string,
  master: Connection.Connection,
  args: ReadonlyArray<string>
): Operation<Replies.KeyPage> =>
  asking(
    operation,
    (done) => Connection.send(master, args, done),
    (answer) => Replies.toPage(answer) ?? noAnswer("SCAN")
  )

/** Takes all keys of a server that match, page by page. */
export const eachPage = Effect.fnUntraced(function*(
  operation: string,
  master: Connection.Connection,
  pattern: string,
  take: (keys: ReadonlyArray<Buffer>, done: Done) => void
): Effect.fn.Return<void, StoreError> {
  let cursor = "0"
  do {
    const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", String(Limits.keysPerCommand)]
    const found = yield* scanKeys(operation, master, args)
    cursor = found.cursor
    yield* asking(operation, (done) => take(found.keys, done), () => undefined)
    yield* Effect.yieldNow
  } while (cursor !== "0")
})
