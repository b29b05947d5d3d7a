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

/** Each schema, by the name of its error. */
const { StoreErrorReason, ...schemas } = CacheErrorSchema

describe("the schemas of the errors", () => {
  it("are as many as the errors", () => {
    expect(Object.keys(schemas).sort()).toEqual(Object.keys(CacheError).sort())
    expect(Object.keys(errors).sort()).toEqual(Object.keys(CacheError).sort())
  })

  it.each(Object.entries(errors))("%s goes through JSON and comes back with its message", (name, error) => {
    const schema: Schema.Codec<unknown, unknown> = schemas[name as keyof typeof schemas]
    const json = JSON.parse(JSON.stringify(Schema.encodeSync(schema)(error)))
    expect(json._tag).toBe(name)
    const back = Schema.decodeUnknownSync(schema)(json)
    expect(back).toBeInstanceOf(error.constructor)
    expect(back).toMatchObject({ ...error })
    expect((back as Error).message).toBe(error.message)
  })

  it("refuse what is no such error", () => {
    expect(() => Schema.decodeUnknownSync(CacheErrorSchema.StoreError)({ _tag: "StoreError", store: "s" })).toThrow()
    expect(() =>
      Schema.decodeUnknownSync(CacheErrorSchema.StoreError)({
        _tag: "StoreError",
        store: "s",
        operation: "get",
        reason: "Tired"
      })
    ).toThrow()
    expect(Schema.is(StoreErrorReason)("Tired")).toBe(false)
  })
})
