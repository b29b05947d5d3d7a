/** The programs whose sizes are compared: each with the cache, and the same without. */

const greeter = `
class Greeter extends Context.Service<Greeter, { readonly greet: (name: string) => Effect.Effect<string> }>()("Greeter") {}
const greeting = Layer.succeed(Greeter, { greet: (name) => Effect.succeed(\`Hello \${name}\`) })
`

const program = (imports: ReadonlyArray<string>, parts: string, greet: string, layers: string): string => `
${imports.map((module) => `import * as ${module.split("/")[1]} from "${module}"`).join("\n")}
${greeter}${parts}
const program = Effect.gen(function*() {
  const greeter = yield* Greeter
  ${greet}
  yield* Effect.log(yield* Effect.timeout(greet, "1 second"))
})
Effect.runPromise(Effect.provide(program, ${layers}))
`

const effect = ["effect/Context", "effect/Effect", "effect/Layer"]
const cached = ["effect-cached/Cached", "effect-cached/CacheLayer"]

const person = `
const Person = Schema.Struct({ id: Schema.Int, name: Schema.String })
`

const ask = `const person = yield* Schema.decodeUnknownEffect(Person)({ id: 1, name: "Ada" })`

const all = "[greeting, CacheLayer.memory()]"

const http = (imports: ReadonlyArray<string>, layer: string): string => `
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
${imports.map((one) => `import * as ${one}`).join("\n")}
const layer = ${layer}
const program = Effect.gen(function*() {
  const response = yield* HttpClient.get("http://example.com")
  yield* Effect.log(Schema.decodeUnknownSync(Schema.String)(yield* response.text))
})
Effect.runPromise(Effect.provide(Layer.empty === layer ? Effect.void : program, layer))
`

/** With the cache, without it, and how much the difference may be: kilobytes (of 1,000 bytes), compressed. */
interface Compared {
  readonly what: string
  readonly program: string
  readonly without: string
  readonly limit: number
}

export const compared: ReadonlyArray<Compared> = [
  {
    what: "`Cached.ttl` with a string key, `CacheLayer.memory`",
    program: program(
      [...effect, ...cached],
      "",
      `const greet = greeter.greet("Ada").pipe(Cached.ttl("Ada", { ttl: "1 hour" }))`,
      all
    ),
    without: program(effect, "", `const greet = greeter.greet("Ada")`, "greeting"),
    limit: 35.5
  },
  {
    what: "the same with a key class, in a program with `effect/Schema`",
    program: program(
      [...effect, "effect/Schema", ...cached, "effect-cached/CacheKey"],
      `${person}
class Greeting extends CacheKey.Class<Greeting>()("Greeting", { payload: { id: Schema.Int }, success: Schema.String }) {}
`,
      `${ask}
  const greet = greeter.greet(person.name).pipe(Cached.ttl(new Greeting(person), { ttl: "1 hour" }))`,
      all
    ),
    without: program(
      [...effect, "effect/Schema"],
      person,
      `${ask}
  const greet = greeter.greet(person.name)`,
      "greeting"
    ),
    limit: 46.5
  },
  {
    what: "`Guard.rateLimit`, without a cache",
    program: program(
      [...effect, "effect-cached/Guard"],
      "",
      `const greet = greeter.greet("Ada").pipe(Guard.rateLimit({ key: "Ada", limit: 10, window: "1 second" }))`,
      "greeting"
    ),
    without: program(effect, "", `const greet = greeter.greet("Ada")`, "greeting"),
    limit: 12
  },
  {
    what: "`CachedHttpClient.layer`, in a program with `FetchHttpClient` and `effect/Schema`",
    program: http(
      ["CacheLayer from \"effect-cached/CacheLayer\"", "Http from \"effect-cached/http\""],
      "Layer.provide(Http.CachedHttpClient.layer({ mode: \"private\" }), [FetchHttpClient.layer, CacheLayer.memory()])"
    ),
    without: http([], "FetchHttpClient.layer"),
    limit: 110
  }
]
