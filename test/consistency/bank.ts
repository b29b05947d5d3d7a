/**
 * What a process of the check does with accounts that are there all the time: transactions move amounts between them,
 * and look-ups beside those, in the same process and in others, see all of them.
 */
import { Effect, Exit, Layer, Option, Schedule } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching, Store, Transaction } from "effect-cached"
import { clock, type Recorder } from "../processes/recording.ts"
import { accounts, leaseMillis, opening, type Plan } from "./plan.ts"
import type { Dice } from "./random.ts"

interface Account {
  /** The accounts of one opening have one, so that those of two are told apart. */
  readonly era: string
  readonly amount: number
}

/** A store that says when it is not known whether it has committed: what was written is removed then. */
const telling = (store: Store.Store, { write }: Recorder): Store.Store => ({
  ...store,
  transact: store.transact && ((request) =>
    Effect.suspend(() => {
      const at = clock()
      return Effect.onExit(
        store.transact!(request),
        (exit) => Exit.isFailure(exit) ? Effect.sync(() => write("uncertain", { at })) : Effect.void
      )
    }))
})

/** In all of them memory has too little room for the accounts, and in every second one there is none. */
const memoryOf = ({ hasMemory }: Plan) => hasMemory ? { capacity: accounts.length - 2 } : { memory: false }

const patient = { isolation: "serializable", retry: Schedule.upTo(Schedule.spaced(5), { times: 20 }) } as const

const ttl = "1 hour"

export const makeBank = Effect.fnUntraced(function*(
  plan: Plan,
  recorder: Recorder,
  { below, next, pick }: Dice,
  store: Store.Store
) {
  const { write } = recorder
  const layer = Layer.provide(
    // longer than processes are stopped, so that few commits are uncertain
    CacheLayer.layerWith({ lease: leaseMillis, storeTimeout: "10 seconds", ...memoryOf(plan) }),
    Layer.succeed(Store.Store, telling(store, recorder))
  )
  const context = yield* Layer.build(layer)
  let eras = 0

  const found = Effect.map(Cached.getMany(accounts), (all) => all.map((one) => Option.getOrUndefined(one) as Account))

  /** Sets all accounts where one is missing. Whether it has is known when it has ended. */
  const open = Effect.gen(function*() {
    const at = clock()
    const era = `${plan.name} ${++eras}`
    const set = Effect.flatMap(found, (all) =>
      all.includes(undefined as never)
        ? Cached.setMany(accounts.map((account) => [account, { era, amount: opening }]), { ttl })
        : Effect.void)
    yield* Transaction.run(set, patient)
    write("opened", { at })
  })

  /** What is to be removed after an uncertain commit is removed before a strict read ends. */
  const settle = Effect.gen(function*() {
    yield* Effect.retry(CachePolicy.strict(found), Schedule.spaced(50))
    write("settled")
    yield* open
  })

  const move = Effect.gen(function*() {
    const [from, to] = [pick(accounts), pick(accounts)]
    const amount = below(10)
    yield* Transaction.run(
      Effect.gen(function*() {
        const [a, b] = (yield* Cached.getMany([from, to])).map(Option.getOrUndefined) as ReadonlyArray<Account>
        if (a === undefined || b === undefined || from === to) return yield* Effect.fail("nothing to move")
        yield* Cached.set(from, { ...a, amount: a.amount - amount }, { ttl })
        if (next() < 0.3) yield* Effect.sleep(below(5))
        yield* Cached.set(to, { ...b, amount: b.amount + amount }, { ttl })
        if (next() < 0.2) yield* Cached.touch(from, ttl)
        if (next() < 0.1) return yield* Effect.fail("rolled back")
      }),
      patient
    )
    write("moved")
  })

  /** Of a store that did not answer nothing is found: that is not judged. */
  const looking = <R>(effect: Effect.Effect<Readonly<Record<string, unknown>>, never, R>) =>
    Effect.gen(function*() {
      const before = (yield* Cached.stats).storeFailures
      const at = clock()
      const fields = yield* effect
      write("looked", { at, ...fields, answered: (yield* Cached.stats).storeFailures === before })
      return fields["absent"] === true
    })

  const look = Effect.suspend((): Effect.Effect<boolean, never, Caching.Caching> => {
    const id = pick(accounts)
    const is = (name: string) => (found: boolean) => ({ id, by: name, absent: !found })
    switch (below(6)) {
      case 0:
        return looking(Effect.map(Cached.has(id), is("has")))
      case 1:
        return looking(Effect.map(Effect.map(Cached.getOption(id), Option.isSome), is("getOption")))
      case 2:
        return looking(Effect.map(Cached.touch(id, ttl), is("touch")))
      case 3:
        return looking(Effect.map(Effect.map(Cached.expiresIn(id), Option.isSome), is("expiresIn")))
      default:
        return looking(Effect.map(found, (all) => {
          const there = all.filter((one) => one !== undefined)
          const eras = new Set(there.map(({ era }) => era))
          const sum = there.reduce((sum, { amount }) => sum + amount, 0)
          const absent = there.length < accounts.length
          // memory may have some of what others have changed since, until it hears of that
          const isWhole = absent || plan.hasMemory || (eras.size === 1 && sum === opening * accounts.length)
          return { by: "getMany", absent, isWhole, ...isWhole ? {} : { sum, eras: [...eras] } }
        }))
    }
  })

  const isUncertain = Effect.exit(move).pipe(
    Effect.map((exit) => Exit.isFailure(exit) && String(exit.cause).includes("StoreError"))
  )
  const step = Effect.gen(function*() {
    if (next() < 0.4) {
      if (yield* isUncertain) yield* Effect.ignore(settle)
    } else if (yield* look) yield* Effect.ignore(open)
  })
  return Effect.provideContext(step, context)
})
