/** Types that the compiler must infer from key classes; checked by `tsc`, not run. */
import { Context, Effect, type Exit, Request, RequestResolver, Schema } from "effect"
import { CacheKey } from "effect-cached"
import type { Persistable } from "effect/persistence"
import { is, same } from "./same.ts"

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Zone extends Context.Service<Zone, { readonly name: string }>()("Zone") {}
declare const Local: Schema.Codec<Date, string, Zone, Zone>

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String, days: Schema.Number.pipe(Schema.withConstructorDefault(Effect.succeed(1))) },
  success: Schema.Number,
  error: Down,
  ignore: ["days"],
  indexes: ["city"],
  tags: (payload) => [payload.city]
}) {
  get label() {
    return `${this.city} ${this.days}`
  }
}
class Settings extends CacheKey.Class<Settings>()("Settings", { success: Schema.String }) {}
class Today extends CacheKey.Class<Today>()("Today", { payload: { id: Schema.FiniteFromString }, success: Local }) {}
class Indexed extends CacheKey.Class<Indexed>()("Indexed", {
  payload: { city: Schema.String, days: Schema.Number, 1: Schema.String },
  success: Schema.Number,
  indexes: ["city", 1, ["city", "days"]]
}) {}
class Free extends CacheKey.Class<Free>()("Free", {
  payload: { id: Schema.String, tags: Schema.Number, pipe: Schema.Boolean, _tag: Schema.String },
  success: Schema.Void
}) {}

const weather = new Weather({ city: "Berlin" })
same<typeof weather.city, string>(true)
same<typeof weather.days, number>(true)
same<typeof weather.label, string>(true)
same<CacheKey.Success<Weather>, number>(true)
same<CacheKey.Error<Weather>, Down>(true)
same<CacheKey.Services<Weather>, never>(true)
same<CacheKey.Services<Today>, Zone>(true)
same<CacheKey.Error<Settings>, never>(true)
same<CacheKey.Input<typeof Weather>, { readonly city: string; readonly days?: number }>(true)
same<InstanceType<typeof Weather>, Weather>(true)
same<typeof Weather.keyName, "Weather">(true)
same<typeof Weather.payload.fields.city, Schema.String>(true)
same<typeof Weather.success, Schema.Number>(true)
same<typeof Weather.error, typeof Down>(true)

same<Indexed extends CacheKey.CacheKey<number> ? true : false, true>(true)
same<CacheKey.Input<typeof Indexed>, { readonly city: string; readonly days: number; readonly 1: string }>(true)

export const nothing = new Settings()
export const free: string = new Free({ id: "a", tags: 1, pipe: true, _tag: "x" }).id
export const decoded: Effect.Effect<Weather, Schema.SchemaError> = Weather.decode({})
export const persistable: Persistable.Persistable<Schema.Number, typeof Down> = weather
export const request: Request.Request<number, Down> = weather
export const resolver = RequestResolver.make<Weather>((entries) =>
  Effect.forEach(entries, (entry) => Request.succeed(entry, entry.request.days), { discard: true })
)
export const requested: Effect.Effect<number, Down> = Effect.request(weather, resolver)

// As functions that take a class infer from it.
declare const fn: <C extends CacheKey.AnyClass, E, R>(key: C, options: {
  readonly lookup: (key: InstanceType<C>) => Effect.Effect<NoInfer<CacheKey.Success<InstanceType<C>>>, E, R>
}) => (...payload: CacheKey.Arguments<CacheKey.Input<C>>) => Effect.Effect<
  CacheKey.Success<InstanceType<C>>,
  E | CacheKey.Error<InstanceType<C>>,
  R | CacheKey.Services<InstanceType<C>>
>
const cached = fn(Weather, { lookup: (key) => Effect.succeed(key.city.length) })
is<Effect.Effect<number, Down, never>>()(cached({ city: "Berlin" }))
export const settings: Effect.Effect<string> = fn(Settings, { lookup: () => Effect.succeed("x") })()
export const today: Effect.Effect<Date, never, Zone> = fn(Today, { lookup: () => Effect.succeed(new Date()) })({
  id: 1
})

declare const exitOf: <A, E, R>(key: CacheKey.CacheKey<A, E, R>) => Exit.Exit<A, E>
is<Exit.Exit<number, Down>>()(exitOf(weather))

// @ts-expect-error a field of another type
new Weather({ city: 1 })
// @ts-expect-error a required field
new Weather()
// @ts-expect-error an unknown field
new Weather({ city: "x", country: "y" })
// @ts-expect-error another result
fn(Weather, { lookup: () => Effect.succeed("x") })
// @ts-expect-error `ignore` names no field
CacheKey.Class<Weather>()("W", { payload: { a: Schema.String }, success: Schema.Number, ignore: ["b"] })
// @ts-expect-error `indexes` names no field
CacheKey.Class<Weather>()("W", { payload: { a: Schema.String }, success: Schema.Number, indexes: ["b"] })
// @ts-expect-error a combination names no field
CacheKey.Class<Weather>()("W", { payload: { a: Schema.String }, success: Schema.Number, indexes: [["a", "b"]] })
// @ts-expect-error a combination of combinations
CacheKey.Class<Weather>()("W", { payload: { a: Schema.String }, success: Schema.Number, indexes: [[["a"]]] })
// @ts-expect-error an unknown option
CacheKey.Class<Weather>()("W", { payload: { a: Schema.String }, success: Schema.Number, tag: [] })
CacheKey.Class<Weather>()("W", { success: Schema.Number, unambiguous: true })
// @ts-expect-error not a boolean
CacheKey.Class<Weather>()("W", { success: Schema.Number, unambiguous: "yes" })
// @ts-expect-error without `Self`
class Missing extends CacheKey.Class()("Missing", { success: Schema.Number }) {}
export { Missing }
