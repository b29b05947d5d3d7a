/** Types that the compiler must infer from key templates; checked by `tsc`, not run. */
import { Context, Effect, type Exit, Redacted, Schema } from "effect"
import { Cached, CacheKey } from "effect-cached"
import { same } from "./same.ts"

class Tenant extends Context.Reference<string>("Tenant", { defaultValue: () => "none" }) {}

const plain = CacheKey.template("user:{id}:{name:lower}", { id: Schema.Number, name: Schema.String })
same<typeof plain, CacheKey.Template<{ readonly id: number; readonly name: string }>>(true)
plain({ id: 1, name: "x" })
// @ts-expect-error another type
plain({ id: "1", name: "x" })
// @ts-expect-error a field is missing
plain({ id: 1 })

const deep = CacheKey.template("t/{user.team.id}|{tok:jwt(sub)}", {
  user: Schema.Struct({ team: Schema.NullOr(Schema.Struct({ id: Schema.Number })) }),
  tok: Schema.Redacted(Schema.String)
})
deep({ user: { team: null }, tok: Redacted.make("a.b.c") })

// @ts-expect-error no such field
CacheKey.template("user:{idd}", { id: Schema.Number })
// @ts-expect-error no such nested field
CacheKey.template("user:{user.name}", { user: Schema.Struct({ id: Schema.Number }) })
// @ts-expect-error no such formatter
CacheKey.template("user:{id:lowr}", { id: Schema.String })
// @ts-expect-error a number has no lower case
CacheKey.template("user:{id:lower}", { id: Schema.Number })
// @ts-expect-error a struct has no text
CacheKey.template("user:{user}", { user: Schema.Struct({ id: Schema.Number }) })
// @ts-expect-error no such context value
CacheKey.template("user:{@tenant}", { id: Schema.String })
// @ts-expect-error another context value
CacheKey.template("user:{@tenent}", { id: Schema.String }, { context: { tenant: Tenant } })
// @ts-expect-error an unknown option
CacheKey.template("user:{id}", { id: Schema.String }, { lossi: true })
CacheKey.template("user:{user:hash}", { user: Schema.Struct({ id: Schema.Number }) })
CacheKey.template("user:{ids:length}", { ids: Schema.Array(Schema.String) })
CacheKey.template("user:{id:lower}", { id: Schema.optional(Schema.NullOr(Schema.String)) })
CacheKey.template("all", {})

// Formatters of one's own, by the type that they take.
CacheKey.template("{at:day}", { at: Schema.Date }, { formatters: { day: (at: Date) => at.toISOString().slice(0, 10) } })
CacheKey.template("{at:iso}", { at: Schema.Date }, {
  formatters: { iso: { format: (at: Date) => at.toISOString(), injective: true } }
})
// @ts-expect-error it takes dates
CacheKey.template("{at:day}", { at: Schema.String }, { formatters: { day: (at: Date) => String(at) } })

const ofTenant = CacheKey.template("{@tenant}/{id}", { id: Schema.Int }, { context: { tenant: Tenant } })
same<typeof ofTenant, CacheKey.ContextTemplate<{ readonly id: number }>>(true)
export const key: Effect.Effect<string> = ofTenant({ id: 1 })

const Document = Schema.Struct({
  owner: Schema.NullOr(Schema.String),
  readers: Schema.Array(Schema.Struct({ id: Schema.Int }))
})
class Doc extends CacheKey.Class<Doc>()("Doc", {
  payload: { id: Schema.Int, folder: Schema.String },
  success: Document,
  id: CacheKey.template("{folder}/{id}", { id: Schema.Int, folder: Schema.String })
}) {}
const tags = CacheKey.template("reader:{result.readers.id}:{folder}", { folder: Schema.String }, { result: Document })
same<Parameters<typeof tags>[0], Exit.Exit<typeof Document.Type, unknown>>(true)
export const cached = Effect.succeed({ owner: null, readers: [] }).pipe(
  Cached.ttl(new Doc({ id: 1, folder: "a" }), { ttl: "1 hour", tags })
)
// @ts-expect-error no such part of the result
CacheKey.template("reader:{result.writers.id}", {}, { result: Document })
// @ts-expect-error a list of structs has no text
CacheKey.template("reader:{result.readers}", {}, { result: Document })

CacheKey.Class<Doc>()("Other", {
  payload: { id: Schema.Int },
  success: Document,
  // @ts-expect-error of another payload
  id: CacheKey.template("{name}", { name: Schema.String })
})
CacheKey.Class<Doc>()("Other", {
  payload: { id: Schema.Int },
  success: Document,
  // @ts-expect-error an id is of the payload alone
  id: CacheKey.template("{@tenant}/{id}", { id: Schema.Int }, { context: { tenant: Tenant } })
})

const long = CacheKey.template("{a}:{b}:{c}:{d}:{e}:{f}:{g}:{h}:{i}:{j}:{k}:{l}", {
  a: Schema.String,
  b: Schema.String,
  c: Schema.String,
  d: Schema.String,
  e: Schema.String,
  f: Schema.String,
  g: Schema.String,
  h: Schema.String,
  i: Schema.String,
  j: Schema.String,
  k: Schema.String,
  l: Schema.String
})
export { long }
