/**
 * Banks of accounts that always exist. Serializable transactions move amounts between the accounts of a bank, and
 * look-ups beside the transactions, in the same process and in others, must find all accounts.
 */
import { Effect, Exit, Layer, Option, Schedule } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { clock, type Recorder } from "../../processes/recording.ts"
import * as Looking from "../../support/looking.ts"
import { accountsOf, bankTimeout, leaseMillis, opening, type Plan } from "./plan.ts"
import type { Dice } from "./random.ts"

interface Account {
  /** The opening that has made the account. Accounts of two openings have no common sum. */
  readonly era: string
  readonly amount: number
}

interface Bank {
  readonly name: string
  readonly accounts: ReadonlyArray<string>
  /** A look-up with `getMany` sees all of a commit, or nothing of it. */
  readonly isWhole: boolean
}

type Own = Pick<Plan, "hasMemory" | "name">

/**
 * Memory may keep an account from before a commit of another process, until that is reported. So a process with memory
 * has a bank of its own, too.
 */
const banksOf = ({ hasMemory, name }: Own): ReadonlyArray<Bank> => {
  const shared = { name: "shared", accounts: accountsOf("shared"), isWhole: !hasMemory }
  return hasMemory ? [shared, { name, accounts: accountsOf(name), isWhole: true }] : [shared]
}

/** Records commits that fail: the store may have carried them out, and the cache removes what they have written. */
const recordsFailures = (
  store: Store.Store,
  { write }: Recorder,
  bankOf: (request: Store.TransactRequest) => string | undefined
): Store.Store => ({
  ...store,
  transact: store.transact && ((request) =>
    Effect.suspend(() => {
      const at = clock()
      return Effect.onExit(
        store.transact!(request),
        (exit) =>
          Exit.isFailure(exit) ? Effect.sync(() => write("uncertain", { at, bank: bankOf(request) })) : Effect.void
      )
    }))
})

const patient = { isolation: "serializable", retry: Schedule.upTo(Schedule.spaced(5), { times: 20 }) } as const

const ttl = "1 hour"

export const makeBanks = Effect.fnUntraced(function*(
  plan: Own,
  recorder: Recorder,
  { below, next, pick }: Dice,
  store: Store.Store
) {
  const { write } = recorder
  const banks = banksOf(plan)
  const bankOf = ({ steps }: Store.TransactRequest): string | undefined =>
    banks.find(({ accounts }) => steps.some((step) => "id" in step && accounts.includes(step.id)))?.name
  // Too little memory for all accounts.
  const memory = plan.hasMemory ? { capacity: accountsOf("").length } : { memory: false } as const
  const layer = Layer.provide(
    CacheLayer.layer({ lease: leaseMillis, storeTimeout: bankTimeout, ...memory }),
    Layer.succeed(Store.Store, recordsFailures(store, recorder, bankOf))
  )
  const context = yield* Layer.build(layer)
  let eras = 0

  const found = ({ accounts }: Bank) =>
    Effect.map(Cached.getMany(accounts), (all) => all.map((one) => Option.getOrUndefined(one) as Account | undefined))

  /** Sets all accounts if one is missing. */
  const open = Effect.fnUntraced(function*(bank: Bank) {
    const at = clock()
    const era = `${plan.name} ${++eras}`
    const set = Effect.flatMap(found(bank), (all) =>
      all.includes(undefined)
        ? Cached.setMany(bank.accounts.map((account) => [account, { era, amount: opening }]), { ttl })
        : Effect.void)
    yield* Transaction.run(set, patient)
    write("opened", { at, bank: bank.name })
  })

  /** A strict read succeeds only after the removals that follow an uncertain commit. */
  const settle = Effect.fnUntraced(function*(bank: Bank) {
    const attempt = Effect.suspend(() => {
      const at = clock()
      return Effect.as(CachePolicy.strict(found(bank)), at)
    })
    // One that began before the uncertain commit of another fiber proves nothing about its removals.
    const at = yield* Effect.retry(attempt, Schedule.spaced(50))
    write("settled", { at, bank: bank.name })
    yield* open(bank)
  })

  const move = Effect.fnUntraced(function*({ accounts }: Bank) {
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

  /**
   * Records a look-up. It finds nothing if the store has not answered, which is not judged. A strict look-up fails
   * then, also if the store was not asked because its circuit is open.
   */
  const looking = <R>({ name }: Bank, effect: Effect.Effect<Readonly<Record<string, unknown>>, never, R>) =>
    Effect.gen(function*() {
      const before = (yield* Cached.stats).storeFailures
      const at = clock()
      const fields = yield* Effect.catch(
        CachePolicy.strict(effect),
        (error) => error._tag === "StoreError" ? Effect.succeed({ failed: true }) : Effect.die(error)
      )
      const answered = !("failed" in fields) && (yield* Cached.stats).storeFailures === before
      write("looked", { at, bank: name, ...fields, answered })
      return "absent" in fields && fields["absent"] === true
    })

  const look = (bank: Bank): Effect.Effect<boolean, never, Caching.Caching> => {
    const id = pick(bank.accounts)
    const is = (name: string) => (found: boolean) => ({ id, by: name, absent: !found })
    switch (below(8)) {
      case 0:
        return looking(bank, Effect.map(Cached.has(id), is("has")))
      case 1:
        return looking(bank, Effect.map(Effect.map(Cached.getOption(id), Option.isSome), is("getOption")))
      case 2:
        return looking(bank, Effect.map(Cached.touch(id, ttl), is("touch")))
      case 3:
        return looking(bank, Effect.map(Effect.map(Looking.expiresIn(id), Option.isSome), is("expiresIn")))
      default:
        return looking(bank, Effect.map(found(bank), (all) => sumOf(bank, all)))
    }
  }

  const isUncertain = (bank: Bank) =>
    Effect.map(Effect.exit(move(bank)), (exit) => Exit.isFailure(exit) && String(exit.cause).includes("StoreError"))

  const step = Effect.gen(function*() {
    const bank = next() < 0.2 ? banks[0]! : banks.at(-1)!
    if (next() < 0.4) {
      if (yield* isUncertain(bank)) yield* Effect.ignore(settle(bank))
    } else if (yield* look(bank)) yield* Effect.ignore(open(bank))
  })
  return Effect.provideContext(step, context)
})

const sumOf = ({ isWhole }: Bank, all: ReadonlyArray<Account | undefined>) => {
  const there = all.filter((one) => one !== undefined)
  const eras = Array.from(new Set(there.map(({ era }) => era)))
  const sum = there.reduce((sum, { amount }) => sum + amount, 0)
  const absent = there.length < all.length
  const isTorn = isWhole && !absent && (eras.length > 1 || sum !== opening * all.length)
  return { by: "getMany", absent, isTorn, ...isTorn ? { sum, eras } : {} }
}
