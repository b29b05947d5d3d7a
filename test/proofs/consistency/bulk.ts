/** Reads, changes and writes of several keys of a class in one call. */
import { Effect, Exit, Option, Schema } from "effect"
import { Cached, CacheKey, CachePolicy, type Caching } from "effect-cached"
import { clock, type Recorder } from "../../processes/recording.ts"
import { bulkIds, tags } from "./plan.ts"
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
  { dice: { below, next, pick }, load, newValue, recorder: { write, writeAll } }: Parts
): Effect.Effect<void, never, Caching.Caching> => {
  const bulk = Cached.many(
    Bulk,
    (keys) => Effect.all(keys.map((key) => Effect.exit(load(idOf(key)))), { concurrency: "unbounded" }),
    { ttl: "1 hour" }
  )

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

  /** Reads several keys at once, in one of two ways. */
  const readAll = (keys: ReadonlyArray<Bulk>) =>
    Effect.suspend(() => {
      const at = clock()
      const note = (values: ReadonlyArray<string | undefined>) => {
        for (const [i, value] of values.entries()) {
          if (value !== undefined) write("read", { id: idOf(keys[i]!), value, at })
        }
      }
      return next() < 0.75
        ? Effect.match(bulk(keys), {
          onSuccess: (exits) => note(exits.map((exit) => Exit.isSuccess(exit) ? exit.value : undefined)),
          onFailure: () => {}
        })
        : Effect.map(Cached.getMany(keys), (found) => note(found.map(Option.getOrUndefined)))
    })

  return Effect.suspend((): Effect.Effect<void, never, Caching.Caching> => {
    const keys = Object.keys(bulkIds).filter(() => next() < 0.6).map((id) => new Bulk({ name: id.slice(-1) }))
    const all = keys.map((key) => ({ id: idOf(key) }))
    const roll = next()
    if (roll < 0.9) return readAll(keys)
    const beside = Array.from({ length: 2 }, () => Effect.delay(readAll(keys), below(20)))
    const besieged = (change: Effect.Effect<void, never, Caching.Caching>) =>
      Effect.asVoid(Effect.all([change, ...beside], { concurrency: "unbounded" }))
    if (roll < 0.92) return besieged(changeAll(all, Cached.invalidate(keys)))
    if (roll < 0.95) return besieged(changeAll(all, Cached.remove(keys)))
    if (roll < 0.96) {
      const tag = pick(tags)
      return besieged(changeAll([...all, { tag }], Cached.invalidate([...keys, { tag }])))
    }
    const values = all.map(({ id }) => newValue(id))
    return besieged(changeAll(
      all.map((one, i) => ({ ...one, value: values[i]! })),
      Cached.setMany(keys.map((key, i) => [key, values[i]!] as const), { ttl: "1 hour" })
    ))
  })
}
