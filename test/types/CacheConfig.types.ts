/** Types that the compiler must infer from configured and routed caches; checked by `tsc`, not run. */
import { type Config, Context, Effect, Layer, Schema } from "effect"
import { type CacheError, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { CacheConfig } from "effect-cached/config"
import { is, same } from "./same.ts"

type Cache = Caching.Caching
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Off extends Schema.TaggedError<Off>()("Off", {}) {}
class Client extends Context.Service<Client, { readonly url: string }>()("Client") {}
class Server extends Context.Service<Server, { readonly url: string }>()("Server") {}
class Weather extends CacheKey.Class<Weather>()("Weather", { payload: {}, success: Schema.Number }) {}
declare const needy: Layer.Layer<Cache, Down, Client>
declare const other: Layer.Layer<Cache, Off, Server>

type Failure = CacheError.CacheConfigError | CacheError.StoreError

is<Layer.Layer<Cache, Failure>>()(CacheConfig.fromUrl("memory:"))

// The parameter of a scheme is a string without being annotated.
is<Layer.Layer<Cache, Failure | Down | Off, Client | Server>>()(CacheConfig.fromUrl("mine:", {
  schemes: { mine: () => needy, yours: (url) => ((_: string) => other)(url) }
}))

is<Layer.Layer<Cache, Failure | Config.ConfigError>>()(CacheConfig.layer("CACHE", { default: "memory:" }))

is<Layer.Layer<Cache, Failure | Config.ConfigError | Down | Off, Client | Server>>()(
  CacheConfig.layer("CACHE", { default: needy, schemes: { yours: () => other } })
)

const routed = CacheLayer.routed({ default: needy, routes: [[Weather, other], ["user:", CacheLayer.memory()]] })
same<typeof routed, Layer.Layer<Cache, Down | Off, Client | Server>>(true)

is<Layer.Layer<Cache, Down, Client>>()(needy.pipe(CacheLayer.withDisabled(["get"])))
is<Layer.Layer<Cache | Server, Down, Client>>()(
  CacheLayer.withDisabled(Layer.merge(needy, Layer.succeed(Server, { url: "" })), ["get"])
)

// @ts-expect-error There is no such operation.
CacheLayer.withDisabled(needy, ["gett"])
// @ts-expect-error The default is required.
CacheConfig.layer("CACHE", {})
// @ts-expect-error A route is a key class or a prefix.
CacheLayer.routed({ default: needy, routes: [[42, needy]] })
export const program = Effect.void
