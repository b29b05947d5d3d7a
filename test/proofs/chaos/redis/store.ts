/** The store of a process, on a server or a cluster. */
import { Effect } from "effect"
import { RedisStore } from "effect-cached/redis"
import type { Recorder } from "../../../processes/recording.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { witness } from "../../../support/witness.ts"
import { makeBanks } from "../../consistency/bank.ts"
import { makeGuards } from "../../consistency/guards.ts"
import { bankPrefix } from "../../consistency/plan.ts"
import type { Dice } from "../../consistency/random.ts"

/** The options of the store, and. */
export interface Where {
  readonly isCluster?: true
  /** The server without a proxy, or the first master of the cluster. */
  readonly witness: string
  readonly prefix: string
}

export const storeOf = ({ isCluster: _, witness: _witness, ...where }: Where) =>
  Effect.orDie(storeFrom(RedisStore.layer(where)))

/** Writes down how late the machine itself is. */
export const watchLateness = ({ prefix, witness: url }: Where, name: string, recorder: Recorder): void =>
  witness({ url, prefix, name }, recorder)

export interface Parts {
  readonly where: Readonly<Record<string, unknown>>
  readonly name: string
  readonly dice: Dice
  readonly recorder: Recorder
}

/** Transactions between accounts, and a lock, over the same connection to the same server. */
export const besides = Effect.fnUntraced(function*({ dice, name, recorder, where }: Parts) {
  const url = String(where["url"])
  const store = yield* storeFrom(RedisStore.layer({ url, prefix: bankPrefix }))
  return [
    yield* makeBanks({ name, hasMemory: dice.next() < 0.5 }, recorder, dice, store),
    yield* makeGuards({ url, directory: "" }, recorder, dice, () => {})
  ]
}, Effect.orDie)
