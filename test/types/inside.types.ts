/** Types that the compiler must infer inside a load; checked by `tsc`, not run. */
import { Effect, type Option, Schema } from "effect"
import { Cached, CacheKey, type Caching } from "effect-cached"
import { is } from "./same.ts"

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String },
  success: Schema.Struct({ celsius: Schema.Number })
}) {}
class Settings extends CacheKey.Class<Settings>()("Settings", { success: Schema.Date }) {}

// Previous has the value of the class, and needs and fails with nothing.
is<Effect.Effect<Option.Option<Cached.Previous<{ readonly celsius: number }>>>>()(Cached.previous(Weather))
is<Effect.Effect<Option.Option<Cached.Previous<Date>>>>()(Cached.previous(Settings))
// @ts-expect-error a string has no class
Cached.previous("weather")
// @ts-expect-error a key is no class
Cached.previous(new Weather({ city: "Berlin" }))

// notModified ends what it is in
is<Effect.Effect<never>>()(Cached.notModified)

is<Effect.Effect<void>>()(Cached.annotate({ tags: ["a"], ttl: "1 hour", etag: undefined }))
// @ts-expect-error no such option
Cached.annotate({ tag: "a" })
// @ts-expect-error no duration
Cached.annotate({ ttl: "soon" })
// @ts-expect-error a list
Cached.annotate({ tags: "a" })

// None of them shows in the type of what is cached.
const weather = Cached.fn(
  Weather,
  Effect.fnUntraced(function*({ city }) {
    const known = yield* Cached.previous(Weather)
    if (known._tag === "Some" && known.value.etag === city) return yield* Cached.notModified
    yield* Cached.annotate({ etag: city })
    return { celsius: 1 }
  }),
  { ttl: "1 hour" }
)
is<Effect.Effect<{ readonly celsius: number }, never, Caching.Caching>>()(weather({ city: "Berlin" }))
