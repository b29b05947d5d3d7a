/**
 * Random transactions against a model of a few lines: their answers inside, their effects, and that they leave nothing
 * where they fail. Savepoints, rollbacks, all operations, over every kind of store; the order of one fiber.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Option, Schedule, Stream } from "effect"
import { Cached, type CacheError, type Caching, Transaction } from "effect-cached"
import { TestClock } from "effect/testing"
import type { SetCondition } from "../../src/cached/byHand.ts"
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import { caches } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"

const keys = ["u:1", "u:2", "v:1", "w"] as const
const names = ["n", "m"] as const
const tags = ["T", "U"] as const
const patterns = { "u:*": /^u:/, "*:1": /:1$/, "w": /^w$/, "*": /^/ } as const

interface Entry {
  readonly value: number
  readonly tags: ReadonlyArray<string>
  /** An entry written inside has its whole life before it until the commit. */
  readonly life: { readonly ttl: number } | { readonly until: number }
  /** The result of a load: it may be lost. */
  readonly isLoaded: boolean
  /** When it would have ended, had it not been touched. */
  readonly endsUntouched: number
}

interface Counter {
  readonly value: number
  readonly until: number
}

interface State {
  readonly entries: Map<string, Entry>
  readonly counters: Map<string, Counter>
}

const copyOf = ({ counters, entries }: State): State => ({ entries: new Map(entries), counters: new Map(counters) })

/** Lifetimes of counters are no subject of this model. */
const day = 86_400_000

type Step = Effect.Effect<void, CacheError.StoreError, Caching.Caching>

const program = (seed: number, isExact: boolean) =>
  Effect.gen(function*() {
    const dice = diceFrom(seed)
    const chance = (share: number) => dice.nextDoubleUnsafe() < share
    const below = (n: number) => Math.floor(dice.nextDoubleUnsafe() * n)
    const pick = <A>(all: ReadonlyArray<A>): A => all[below(all.length)]!
    let now = 0
    let writes = 0

    const live = (state: State, key: string): Entry | undefined => {
      const entry = state.entries.get(key)
      return entry !== undefined && ("ttl" in entry.life || now < entry.life.until) ? entry : undefined
    }
    const liveKeys = (state: State, pattern: RegExp = /^/) =>
      keys.filter((key) => pattern.test(key) && live(state, key) !== undefined)
    const same = (what: string, told: unknown, expected: unknown) =>
      expect([seed, what, told]).toEqual([seed, what, expected])
    /** A removal may report an entry that is gone by a tag or its age, but still stored. */
    const sameCount = (what: string, told: number, expected: number) =>
      isExact ? same(what, told, expected) : expect(told).toBeGreaterThanOrEqual(expected)

    const step = (state: State, isInside: boolean): Step => {
      const [key, name, tag] = [pick(keys), pick(names), pick(tags)]
      const [pattern, expression] = pick(Object.entries(patterns))
      const { counters, entries } = state
      const entry = live(state, key)
      const value = ++writes
      const put = (ttl: number, tags: ReadonlyArray<string> = []) =>
        entries.set(key, {
          value,
          tags,
          life: isInside ? { ttl } : { until: now + ttl },
          isLoaded: false,
          endsUntouched: Infinity
        })
      const conditional = (holds: boolean, condition: SetCondition) =>
        Effect.map(Cached.set(key, value, { ttl: 900, ...condition }), (told) => {
          same(`set ${key} ${JSON.stringify(condition)}`, told, holds)
          if (holds) put(900)
        })
      const steps: ReadonlyArray<() => Step> = [
        () =>
          Effect.map(Cached.getOption(key), (told) => same(`get ${key}`, Option.getOrUndefined(told), entry?.value)),
        () => Effect.map(Cached.has(key), (told) => same(`has ${key}`, told, entry !== undefined)),
        () =>
          Effect.map(
            Cached.getMany(keys),
            (told) => same("getMany", told.map(Option.getOrUndefined), keys.map((key) => live(state, key)?.value))
          ),
        () =>
          Effect.map(Looking.expiresIn(key), (told) =>
            same(
              `expiresIn ${key}`,
              Option.getOrUndefined(Option.map(told, Duration.toMillis)),
              entry && ("ttl" in entry.life ? entry.life.ttl : entry.life.until - now)
            )),
        () => {
          const [ttl, own] = [pick([50, 500, 1000, 100_000]), chance(0.4) ? [tag] : []]
          return Effect.map(Cached.set(key, value, { ttl, tags: own }), () => void put(ttl, own))
        },
        () =>
          Effect.map(Cached.set(key, value, { ttl: 700, keepTtl: true }), () => {
            put(700)
            if (entry !== undefined) entries.set(key, { ...entries.get(key)!, life: entry.life })
          }),
        () => conditional(entry === undefined, { ifAbsent: true }),
        () => conditional(entry !== undefined, { ifPresent: true }),
        () =>
          Effect.flatMap(Cached.getEntry(key), (found): Step => {
            same(`getEntry ${key}`, Option.getOrUndefined(found)?.value, entry?.value)
            if (Option.isNone(found) || entry!.isLoaded) return Effect.void
            const isOther = chance(0.3)
            const other = isOther ? Cached.set(key, value, { ttl: 900 }) : Effect.void
            if (isOther) put(900)
            return Effect.andThen(other, conditional(!isOther, { ifUnchanged: found.value.writeId }))
          }),
        () => {
          if (entry?.isLoaded === true) return Effect.void
          const ttl = pick([60, 600, 6000])
          return Effect.map(Cached.touch(key, ttl), (told) => {
            same(`touch ${key}`, told, entry !== undefined)
            if (entry === undefined) return
            const endsUntouched = "until" in entry.life ? entry.life.until : entry.endsUntouched
            entries.set(
              key,
              isInside ? { ...entry, life: { ttl }, endsUntouched } : { ...entry, life: { until: now + ttl } }
            )
          })
        },
        () =>
          Effect.map(Cached.remove(key), (told) => {
            sameCount(`remove ${key}`, Number(told), entry === undefined ? 0 : 1)
            entries.delete(key)
          }),
        () => {
          const some = keys.filter(() => chance(0.5))
          // One that is named twice is removed once.
          return Effect.map(Cached.remove([...some, ...some.slice(0, 1)]), (told) => {
            sameCount(`removeMany ${some}`, told, some.filter((key) => live(state, key) !== undefined).length)
            for (const key of some) entries.delete(key)
          })
        },
        () =>
          Effect.map(Cached.remove({ matching: pattern }), (told) => {
            const matching = liveKeys(state, expression)
            sameCount(`removeMatching ${pattern}`, told, matching.length)
            for (const key of matching) entries.delete(key)
          }),
        () =>
          Effect.map(
            Stream.runCollect(Looking.ids(pattern)),
            (told) => same(`scan ${pattern}`, told.toSorted(), liveKeys(state, expression))
          ),
        () =>
          Effect.map(Stream.runCollect(Cached.getMatching(pattern)), (told) =>
            same(
              `getMatching ${pattern}`,
              told.map(([key, value]) => `${key} ${value}`).toSorted(),
              liveKeys(state, expression).map((key) => `${key} ${live(state, key)!.value}`)
            )),
        () =>
          Effect.map(Cached.invalidate({ tag }), () => {
            for (const [key, { tags }] of entries) if (tags.includes(tag)) entries.delete(key)
          }),
        () => {
          const by = pick([1, 2, -3])
          return Effect.map(Cached.counter(name).increment({ by, ttl: day }), (told) => {
            const counter = counters.get(name)
            same(`increment ${name}`, told, (counter?.value ?? 0) + by)
            counters.set(name, { value: told, until: counter?.until ?? now + day })
          })
        },
        () =>
          Effect.map(Cached.counter(name).get, (told) => same(`counter ${name}`, told, counters.get(name)?.value ?? 0)),
        () =>
          Effect.map(Cached.counter(name).remove, (told) => {
            same(`counter ${name} remove`, told, counters.delete(name))
          }),
        () =>
          Effect.map(Effect.succeed(value).pipe(Cached.ttl(key, { ttl: 2000 })), (told) => {
            same(`cached ${key}`, told, entry?.value ?? value)
            if (entry !== undefined) return
            put(2000)
            entries.set(key, { ...entries.get(key)!, life: { until: now + 2000 }, isLoaded: true })
          }),
        () => {
          const millis = pick([10, 300, 1500])
          return Effect.map(TestClock.adjust(millis), () => void (now += millis))
        },
        () =>
          chance(0.3)
            ? Effect.map(Cached.clear, () => {
              entries.clear()
              counters.clear()
            })
            : Effect.void
      ]
      return pick(steps)()
    }

    /** Results of loads may be lost, where a level becomes part of another one; never replaced. */
    const settled = (state: State) =>
      Effect.forEach(state.entries, ([key, entry]) =>
        !entry.isLoaded ? Effect.void : Effect.map(Cached.getOption(key), (told) => {
          if (Option.isNone(told)) state.entries.delete(key)
          else if (live(state, key) !== undefined) same(`loaded ${key}`, told.value, entry.value)
        }), { discard: true })

    const level = (
      before: State,
      depth: number
    ): Effect.Effect<State, Transaction.Failure<"locked">, Caching.Caching> =>
      Effect.gen(function*() {
        let state = copyOf(before)
        for (let left = 1 + below(8); left > 0; left--) {
          if (depth < 3 && chance(0.12)) {
            const fails = chance(0.3)
            const inner = Effect.flatMap(level(state, depth + 1), (after) =>
              fails ? Effect.fail("inner") : Effect.succeed(after))
            const exit = yield* Effect.exit(Transaction.run(inner))
            if (Exit.isSuccess(exit)) {
              yield* settled(state = exit.value)
            } else if (Cause.squash(exit.cause) !== "inner") {
              return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
            }
          } else if (chance(0.04)) {
            yield* Transaction.rollback
            state = copyOf(before)
          } else yield* step(state, true)
        }
        return state
      })

    let state: State = { entries: new Map(), counters: new Map() }
    for (let i = 0; i < 6; i++) {
      for (let left = below(3); left > 0; left--) {
        yield* step(state, false)
      }
      const ending = pick([
        Effect.fail("outer"),
        Effect.die("outer"),
        Effect.interrupt,
        Effect.void,
        Effect.void,
        Effect.void
      ])
      const isolation = pick(["fast", "locked", "serializable"] as const)
      const exit = yield* Effect.exit(
        Transaction.run(Effect.tap(level(state, 0), ending), { isolation, timeout: "1 day", retry: Schedule.recurs(0) })
      )
      if (Exit.isSuccess(exit)) {
        state = exit.value
        for (const [key, entry] of state.entries) {
          const { endsUntouched, life } = entry
          // An entry that has ended before the commit is not touched by it.
          if (now >= endsUntouched) {
            state.entries.delete(key)
          } else if ("ttl" in life) {
            state.entries.set(key, { ...entry, life: { until: now + life.ttl }, endsUntouched: Infinity })
          }
        }
        yield* settled(state)
        for (const [key, entry] of state.entries) {
          state.entries.set(key, { ...entry, isLoaded: false })
        }
      } else if (!Cause.hasInterrupts(exit.cause)) {
        const failure = Cause.squash(exit.cause) as string | Transaction.Failure<"locked">
        // A read entry has expired since, or the store cannot check listings.
        const isExpected = failure === "outer" || typeof failure === "object" &&
            (failure._tag === "TransactionConflict" ||
              failure._tag === "StoreError" && failure.reason === "Unsupported")
        if (!isExpected) {
          return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
        }
      }
      same(
        "after",
        (yield* Cached.getMany(keys)).map(Option.getOrUndefined),
        keys.map((key) =>
          live(state, key)?.value
        )
      )
      same(
        "ends",
        (yield* Effect.forEach(keys, Looking.expiresIn)).map((left) =>
          Option.getOrUndefined(Option.map(left, (left) => now + Duration.toMillis(left)))
        ),
        keys.map((key) => (live(state, key)?.life as { readonly until: number } | undefined)?.until)
      )
      same(
        "counters",
        yield* Effect.forEach(names, (name) => Cached.counter(name).get),
        names.map((name) => state.counters.get(name)?.value ?? 0)
      )
    }
  })

const programs = Number(process.env["TRANSACTIONS"] ?? 25)

describe("CA-71 · CA-74 · CA-75 · random transactions do what a model does", () => {
  for (const { layer, name, store } of caches) {
    it.effect(`in ${name}`, () =>
      Effect.forEach(
        Array.from({ length: programs }, (_, i) => i + 1),
        (seed) => program(seed, !store).pipe(Effect.provide(layer()), Effect.provide(TestClock.layer())),
        { discard: true }
      ), 120_000)
  }
})
