/** The operations whose costs are counted, over each kind of store. */
import { Effect, Exit, type ManagedRuntime, Schema } from "effect"
import { Cached, CacheKey, type Caching } from "effect-cached"

const ttl = "1 hour"
const text = "x".repeat(200)

const User = Schema.Struct({ id: Schema.Int, name: Schema.String, text: Schema.String })
class UserKey extends CacheKey.Class<UserKey>()("User", { payload: { id: Schema.Int }, success: User }) {}

/** All have as many digits. */
const first = 1_000_000
const user = (id: number): typeof User.Type => ({ id, name: "a name", text })

const read = (i: number, tags: ReadonlyArray<string> = []) =>
  Cached.ttl(Effect.succeed(user(first + i)), `user:${first + i}`, { ttl, tags })
const ofClass = (i: number) => Cached.ttl(Effect.succeed(user(first + i)), new UserKey({ id: first + i }), { ttl })

const lookup = (keys: ReadonlyArray<UserKey>) => Effect.succeed(keys.map(({ id }) => Exit.succeed(user(id))))
const users = Cached.many(UserKey, lookup, { ttl })
const hundred = (i: number) => Array.from({ length: 100 }, (_, n) => ({ id: first + 1000 * i + n }))

type Run = Effect.Effect<unknown, unknown, Caching.Caching>

interface Operation {
  readonly run: Run
  /** Run before it, by another process. */
  readonly before?: Run
}

interface Operations {
  /** A number makes keys that no other call has. */
  readonly [name: string]: (i: number) => Operation
}

export const operations: Operations = {
  "a hit": (i) => ({ before: read(i), run: read(i) }),
  "a hit with a tag": (i) => ({ before: read(i, ["tag"]), run: read(i, ["tag"]) }),
  "a hit of a class": (i) => ({ before: ofClass(i), run: ofClass(i) }),
  "50 hits at once": (i) => {
    const all = Effect.forEach(hundred(i).slice(50), ({ id }) => read(id), { concurrency: "unbounded" })
    return { before: all, run: all }
  },
  "a miss": (i) => ({ run: read(i) }),
  "a miss with a tag": (i) => ({ run: read(i, ["tag"]) }),
  "many, 100 hits": (i) => ({ before: users(hundred(i)), run: users(hundred(i)) }),
  "many, 100 misses": (i) => ({ run: users(hundred(i)) }),
  "set": (i) => ({ run: Cached.set(`user:${first + i}`, user(first + i), { ttl }) }),
  "setMany of 100": (i) => ({
    run: Cached.setMany(hundred(i).map((key) => [new UserKey(key), user(key.id)] as const), { ttl })
  }),
  "remove": (i) => ({ before: read(i), run: Cached.remove(`user:${first + i}`) }),
  "remove of 100": (i) => ({
    before: users(hundred(i)),
    run: Cached.remove(hundred(i).map((key) => new UserKey(key)))
  }),
  "invalidate a tag": () => ({ run: Cached.invalidate({ tag: "tag" }) })
}

/** How many of them share a question depends on when answers arrive. */
export const missesAtOnce: Operations = {
  "50 misses at once": (i) => ({
    run: Effect.forEach(hundred(i).slice(50), ({ id }) => read(id), { concurrency: "unbounded" })
  })
}

/** For a process of its own, of whose reads no other has found an entry. */
export const whereMostReadsLoad: Operations = { "a miss, where most reads load": operations["a miss"]! }

type Process = ManagedRuntime.ManagedRuntime<Caching.Caching, any>

interface Costs {
  readonly [name: string]: ReadonlyArray<number>
}

const times = 10

/** A busy machine divides long turns: most of ten, but not all of these. */
const timesAtMost = 200

/**
 * The least that passes while an operation runs: a store also asks by itself, and connections are looked at. Above what
 * is `expected`, the operation runs more often.
 */
export const costsOf = async (
  ours: Process,
  other: Process,
  all: Operations,
  passed: () => ReadonlyArray<number>,
  expected: Costs
) => {
  const table: Record<string, ReadonlyArray<number>> = {}
  const isAbove = (name: string) => table[name]!.some((count, i) => count > (expected[name]?.[i] ?? Infinity))
  for (const [name, make] of Object.entries(all)) {
    for (let i = 0; i < times || (i < timesAtMost && isAbove(name)); i++) {
      const { before = Effect.void, run } = make(made++)
      await other.runPromise(before)
      const from = passed()
      await ours.runPromise(run)
      table[name] = passed().map((count, i) => Math.min(table[name]?.[i] ?? Infinity, count - from[i]!))
    }
  }
  await ours.dispose()
  await other.dispose()
  return table
}

let made = 0
