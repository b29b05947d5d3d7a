/** Types that the compiler must infer from serializers, locks and evictions; checked by `tsc`, not run. */
import { Context, Effect, Layer, Schema, type Scope } from "effect"
import { type CacheError, CacheLayer } from "effect-cached"
import { type Eviction, Lock, Serializer } from "effect-cached/adapters"
import type { MemoryGuards } from "effect-cached/memory"
import { Binary } from "effect-cached/serializers/Binary"
import { IndentedJson } from "effect-cached/serializers/IndentedJson"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { SqliteGuards } from "effect-cached/sqlite"
import { is, same } from "./same.ts"

// ---------------------------------------------------------------------------------------------------------------------
// serializers
// ---------------------------------------------------------------------------------------------------------------------

class Zone extends Context.Service<Zone, { readonly name: string }>()("Zone") {}
declare const Local: Schema.Codec<Date, string, Zone, Zone>
type Fault = CacheError.SerializerError

export const ready: ReadonlyArray<Serializer.Serializer> = [Binary, Json, IndentedJson, Structured]
const codec = Json.make(Schema.Date)
same<typeof codec, Serializer.Codec<Date, never>>(true)
const zoned = Binary.make(Local)
same<typeof zoned, Serializer.Codec<Date, Zone>>(true)
const plain = Structured.make<unknown, never>(undefined)
same<typeof plain, Serializer.Codec<unknown, never>>(true)
is<Effect.Effect<Uint8Array, Fault, Zone>>()(zoned.encode(new Date(0), "id"))
is<Effect.Effect<Date, Fault>>()(codec.decode(new Uint8Array(), "id"))
const own = Serializer.make({
  name: "own",
  extension: ".txt",
  contentType: "text/plain",
  encode: (value) => {
    same<typeof value, unknown>(true)
    return String(value)
  },
  decode: (bytes) => {
    same<typeof bytes, Uint8Array<ArrayBufferLike>>(true)
    return bytes.length
  }
})
same<typeof own, Serializer.Serializer>(true)
const value44 = Layer.succeed(Serializer.Serializer, own)
same<typeof value44, Layer.Layer<never>>(true)
const value45 = Effect.map(Serializer.Serializer, ({ extension }) => extension)
same<typeof value45, Effect.Effect<string>>(true)

// @ts-expect-error a value of another type
codec.encode("today")
// @ts-expect-error no extension
Serializer.make({ name: "own", encode: () => "", decode: () => 1 })
// @ts-expect-error an unknown option
Serializer.make({ name: "own", extension: ".x", encode: () => "", decode: () => 1, mime: "x" })
// @ts-expect-error neither bytes nor a text
Serializer.make({ name: "own", extension: ".x", encode: () => 1, decode: () => 1 })

// ---------------------------------------------------------------------------------------------------------------------
// locks
// ---------------------------------------------------------------------------------------------------------------------

const held = Effect.flatMap(Lock.Lock, (lock) => lock.acquire("name", { lease: "5 seconds", wait: 0 }))
same<typeof held, Effect.Effect<Lock.Lease, CacheError.LockError, Scope.Scope>>(true)
const token = Effect.map(held, ({ lost, token }) => {
  same<typeof lost, Effect.Effect<never, CacheError.LockError>>(true)
  return token
})
same<typeof token, Effect.Effect<bigint, CacheError.LockError, Scope.Scope>>(true)
const made = Lock.make({
  name: "own",
  pollMillis: 100,
  tryAcquire: (name, leaseMillis) => Effect.succeed({ _tag: "Held", token: BigInt(name.length + leaseMillis) }),
  renew: (_name, token) => Effect.succeed(token > 0n),
  release: () => Effect.void
})
same<typeof made, Lock.Lock>(true)
same<typeof MemoryGuards.layer, Layer.Layer<never>>(true)
const sqlite = SqliteGuards.layer({ directory: "x" })
same<typeof sqlite, Layer.Layer<never, CacheError.StoreError>>(true)

// @ts-expect-error for how long
made.acquire("name", { wait: 0 })
// @ts-expect-error a lease that is no duration
made.acquire("name", { lease: "long", wait: 0 })
// @ts-expect-error no directory
SqliteGuards.layer({})
// @ts-expect-error it does not give locks back
Lock.make({
  name: "own",
  tryAcquire: () => Effect.succeed({ _tag: "Wait", leftMillis: 1 }),
  renew: () => Effect.succeed(true)
})
// @ts-expect-error a token is a bigint
Lock.make({ ...made, tryAcquire: () => Effect.succeed({ _tag: "Held", token: 1 }) })

// ---------------------------------------------------------------------------------------------------------------------
// evictions
// ---------------------------------------------------------------------------------------------------------------------

export const evictions: ReadonlyArray<CacheLayer.MemoryOptions["eviction"]> = [
  "adaptive",
  "s3Fifo",
  "wTinyLfu",
  "lru",
  "fifo",
  "leastRecentlyUpdated"
]
const newestFirst: Eviction.Eviction = {
  name: "newestFirst",
  make: ({ capacity }) => {
    same<typeof capacity, number>(true)
    const nodes: Array<Eviction.Node> = []
    return {
      added: (node) => void nodes.push(node),
      read: () => {},
      removed: (node) => void nodes.splice(nodes.indexOf(node), 1),
      victim: () => nodes.at(-1)
    }
  }
}
export const cache = CacheLayer.memory({ eviction: newestFirst })

// @ts-expect-error nothing says what goes
export const endless: Eviction.Eviction = { name: "x", make: () => ({ added() {}, read() {}, removed() {} }) }
// @ts-expect-error an eviction is made for each cache
export const shared: Eviction.Eviction = { name: "x", make: newestFirst.make({ capacity: 1 }) }
