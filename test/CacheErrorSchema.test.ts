/** The schemas of the errors, through JSON and back. */
import { Schema } from "effect"
import { CacheError } from "effect-cached"
import { CacheErrorSchema } from "effect-cached/schemas"
import { describe, expect, it } from "vitest"

const errors = {
  StoreError: new CacheError.StoreError({ store: "s", operation: "get", reason: "Full", cause: new Error("mine") }),
  SerializerError: new CacheError.SerializerError({ serializer: "json", operation: "decode", reason: "no JSON" }),
  StreamLagged: new CacheError.StreamLagged({ key: "k" }),
  StreamCut: new CacheError.StreamCut({ key: "k" }),
  LockError: new CacheError.LockError({ lock: "door", reason: "Timeout", retryAfterMillis: 1200 }),
  RateLimitExceeded: new CacheError.RateLimitExceeded({ key: "api", limit: 10, retryAfterMillis: 1200 }),
  CircuitOpen: new CacheError.CircuitOpen({ key: "api", state: "HalfOpen", retryAfterMillis: 1200 }),
  LoadTimeout: new CacheError.LoadTimeout({ key: "k", timeoutMillis: 10 }),
  UpdateConflict: new CacheError.UpdateConflict({ key: "k", tries: 30 }),
  TransactionConflict: new CacheError.TransactionConflict({ ids: ["a"], names: ["n"] }),
  TransactionTimeout: new CacheError.TransactionTimeout({ timeoutMillis: 10 }),
  CacheCycle: new CacheError.CacheCycle({ path: ["a", "b", "a"] }),
  CacheClosed: new CacheError.CacheClosed({ key: "k" }),
  CacheConfigError: new CacheError.CacheConfigError({ message: "wrong" })
}

const classes = new Map(Object.entries(CacheError))
const schema = CacheErrorSchema.of(CacheError.StoreError)

describe("the schemas of the errors", () => {
  it("are tried for all errors", () => {
    expect(Object.keys(errors).sort()).toEqual(Object.keys(CacheError).sort())
  })

  it.each(Object.entries(errors))("%s goes through JSON and comes back with its message", (name, error) => {
    const its: Schema.Codec<unknown, unknown> = CacheErrorSchema.of(classes.get(name)!)
    const json = JSON.parse(JSON.stringify(Schema.encodeSync(its)(error)))
    expect(json._tag).toBe(name)
    const back = Schema.decodeUnknownSync(its)(json)
    expect(back).toBeInstanceOf(error.constructor)
    expect(back).toMatchObject({ ...error })
    expect((back as Error).message).toBe(error.message)
  })

  it("refuse what is no such error", () => {
    expect(() => Schema.decodeUnknownSync(schema)({ _tag: "StoreError", store: "s" })).toThrow()
    expect(() =>
      Schema.decodeUnknownSync(schema)({
        _tag: "StoreError",
        store: "s",
        operation: "get",
        reason: "Tired"
      })
    ).toThrow()
    expect(Schema.is(schema.from.fields.reason)("Tired")).toBe(false)
  })
})
