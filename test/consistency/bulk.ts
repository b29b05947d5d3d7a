/** Reads, changes and writes of several keys of a class in one call. */
import { Effect, Exit, Option, Schema } from "effect"
import { Cached, CacheKey, CachePolicy, type Caching, Strategy } from "effect-cached"
import { clock, type Recorder } from "../processes/recording.ts"
import { bulkIds } from "./plan.ts"
import type { Dice } from "./random.ts"

class Bulk extends CacheKey.Class<Bulk>()("bulk", {
  payload: { name: Schema.String },
  success: Schema.String,
  error: Schema.String,
  tags: ({ name }: { readonly name: string }) => bulkIds[`bulk:${name}`]!
}) {}

interface Parts {
  readonly dice: Dice
  readonly recorder: Recorder
  readonly load: (id: string) => Effect.Effect<string, string>
  /** Records a value that is set. */
  readonly newValue: (id: string) => string
}

const idOf = ({ name }: Bulk): string => `bulk:${name}`

/** One call, chosen at random. */
export const makeBulk = (
  { dice: { next }, load, newValue, recorder: { write, writeAll } }: Parts
): Effect.Effect<void, never, Caching.Caching> => {
  const bulk = Cached.many(Bulk, {
    strategy: Strategy.ttl({ ttl: "1 hour" }),
    lookup: (keys) => Effect.all(keys.map((key) => Effect.exit(load(idOf(key)))), { concurrency: "unbounded" })
  })

  /** One call that changes several keys: if it fails, it is unknown which of them the store has. */
  const changeAll = (
    all: ReadonlyArray<Readonly<Record<string, unknown>>>,
    effect: Effect.Effect<unknown, never, Caching.Caching>
  ) =>
    Effect.suspend(() => {
      const at = clock()
      const noted = (what: string, more: object) => writeAll(what, all.map((one) => ({ ...one, at, ...more })))
      noted("changed begins", {})
      return Effect.match(CachePolicy.strict(effect), {
        onSuccess: () => noted("changed", { reached: true }),
        onFailure: () => noted("changed", { reached: false })
      })
    })

  return Effect.suspend((): Effect.Effect<void, never, Caching.Caching> => {
    const keys = Object.keys(bulkIds).filter(() => next() < 0.6).map((id) => new Bulk({ name: id.slice(-1) }))
    const all = keys.map(idOf)
    const at = clock()
    const note = (values: ReadonlyArray<string | undefined>) => {
      for (const [i, value] of values.entries()) if (value !== undefined) write("read", { id: all[i], value, at })
    }
    const roll = next()
    if (roll < 0.7) {
      return Effect.match(bulk(keys), {
        onSuccess: (exits) => note(exits.map((exit) => Exit.isSuccess(exit) ? exit.value : undefined)),
        onFailure: () => {}
      })
    }
    if (roll < 0.9) return Effect.map(Cached.getMany(keys), (found) => note(found.map(Option.getOrUndefined)))
    if (roll < 0.95) return changeAll(all.map((id) => ({ id })), Cached.invalidateMany(keys))
    const values = all.map(newValue)
    return changeAll(
      all.map((id, i) => ({ id, value: values[i]! })),
      Cached.setMany(keys.map((key, i) => [key, values[i]!] as const), { ttl: "1 hour" })
    )
  })
}
