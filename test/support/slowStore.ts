/** A store whose writes take so long that they overtake each other, unless its caller keeps them in order. */
import { Effect, Stream } from "effect"
import { type CacheEntry, Store } from "effect-cached/adapters"

type Stored = CacheEntry.Stored

/** Every second write takes much longer than the next. */
export const slowStore = Effect.sync(() => {
  const entries = new Map<string, Stored>()
  let writes = 0
  const late = <A>(run: () => A) =>
    Effect.suspend(() => Effect.delay(Effect.sync(run), writes++ % 2 === 0 ? "40 millis" : "5 millis"))
  const copy = ({ meta, payload }: Stored): Stored => ({ meta, payload: payload.slice() })
  return Store.make({
    name: "slow",
    get: (id) =>
      Effect.delay(Effect.sync(() => entries.get(id)), "1 millis").pipe(Effect.map((entry) => entry && copy(entry))),
    set: (id, entry) => {
      const copied = copy(entry)
      return late(() => entries.set(id, copied))
    },
    remove: (id) => late(() => entries.delete(id)),
    scan: (options) =>
      Stream.suspend(() =>
        Stream.fromIterable(
          Array.from(entries, ([id, { meta }]) => ({ id, meta })).filter(({ id }) =>
            id.startsWith(options?.prefix ?? "")
          )
        )
      )
  })
})
