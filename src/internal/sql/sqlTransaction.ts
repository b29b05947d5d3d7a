/** Finds the open SQL transaction. Looks up `effect/sql` services by name, so that programs without SQL import none. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { SqlClient, TransactionConnection } from "effect/sql/SqlClient"
import { repeatsOfFiber } from "../defaults/bounds.ts"

type Service = Context.Service<TransactionConnection, TransactionConnection.Service>

export const CurrentService = Context.Reference<Service | undefined>("effect/sql/CurrentTransactionService", {
  defaultValue: () => undefined
})

export const Client = Context.Service<SqlClient>("effect/sql/SqlClient")

/** The open transaction, if any. After the commit, the context still names the service, but no longer contains it. */
export const openTransaction = (context: Context.Context<never>): object | undefined => {
  const service = Context.get(context, CurrentService)
  return service === undefined ? undefined : Context.getOrUndefined(context as Context.Context<any>, service)
}

/**
 * Runs an effect after the open transaction has committed, or at once if no transaction is open. It does not run after
 * a rollback. If the client cannot report the commit, the effect (an invalidation) runs twice: at once, for values
 * cached earlier, and when the fiber ends, for values cached since then.
 */
export const afterCommit = <R>(effect: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  Effect.withFiber((fiber) => {
    const context = fiber.context as Context.Context<any>
    if (openTransaction(context) === undefined) return effect
    let ran = false
    const run = Effect.suspend(() => {
      ran = true
      return effect
    })
    const registered = Effect.flatMap(clientOf(context), (client) => client.afterCommit(run))
    return Effect.flatMap(Effect.exit(registered), (exit) => {
      if (Exit.isSuccess(exit) && !ran) return Effect.void
      repeatAtEnd(fiber, effect)
      return ran ? Effect.void : effect
    })
  })

const clientOf = (context: Context.Context<any>): Effect.Effect<SqlClient> => {
  const service = Context.get(context, CurrentService)!
  const client = Context.getOrUndefined(context, Client)
  return client?.transactionService === service ? Effect.succeed(client) : makeClient(service)
}

/** Loads the client only on Node.js, because a browser bundle must not contain a database client. */
const makeClient = (service: Service): Effect.Effect<SqlClient> =>
  Effect.flatMap(Effect.promise(() => import("#node/internal/sql/sqlClient")), ({ makeClient }) => makeClient(service))

/** For each fiber, the number of effects that run again when it ends. Limited, because a fiber may never end. */
const repeats = new WeakMap<Fiber.Fiber<any, any>, number>()

const repeatAtEnd = (fiber: Fiber.Fiber<any, any>, effect: Effect.Effect<void, never, any>): void => {
  const count = repeats.get(fiber) ?? 0
  if (count === repeatsOfFiber) return
  repeats.set(fiber, count + 1)
  const run = Effect.runForkWith(fiber.context as Context.Context<any>)
  fiber.addObserver(() => void run(effect))
}
