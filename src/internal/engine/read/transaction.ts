/** Reads inside an open SQL transaction. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { CacheConfigError } from "../../../CacheError.ts"

/** The reference of `effect/sql`, by its name, so that SQL is not imported. */
const CurrentTransaction = Context.Reference<object | undefined>("effect/sql/CurrentTransactionService", {
  defaultValue: () => undefined
})

/** The error of a load inside an open transaction: other callers must not get what one has not committed yet. */
export const openTransaction = (fiber: Fiber.Fiber<any, any>, id: string): CacheConfigError | undefined =>
  fiber.getRef(CurrentTransaction) === undefined
    ? undefined
    : new CacheConfigError({
      message:
        `"${id}" would be loaded inside an open SQL transaction: other readers could get a value that is rolled ` +
        "back. Read it before the transaction, or with CachePolicy.bypass"
    })
