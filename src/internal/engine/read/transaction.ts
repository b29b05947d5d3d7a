/** Reads inside an open SQL transaction. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { CacheConfigError } from "../../../CacheError.ts"

/** the reference of `effect/sql`, by its name: SQL is not imported for it */
const CurrentTransaction = Context.Reference<object | undefined>("effect/sql/CurrentTransactionService", {
  defaultValue: () => undefined
})

/** a load shared with others must not see what one caller has not committed yet */
export const openTransaction = (fiber: Fiber.Fiber<any, any>, id: string): CacheConfigError | undefined =>
  fiber.getRef(CurrentTransaction) === undefined
    ? undefined
    : new CacheConfigError({
      message: `"${id}" is loaded inside an open SQL transaction: others would be served what may be rolled back. ` +
        "Read it before the transaction, or with CachePolicy.bypass"
    })
