/** A mistake is reported once: what is done with the result has its types all the same. */
import { Effect } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { ada, Person, User } from "./given.ts"

const one = Effect.succeed(new Person({ name: "Ada" }))
const run = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) =>
  Effect.runPromise(Effect.provide(effect, CacheLayer.memory()))

void run(one.pipe(Cached.ttl("ada", { tll: "1 hour" })))
void run(one.pipe(Cached.ttl(ada, { tll: "1 hour" })))
void run(one.pipe(Cached.ttl("ada", {}), Effect.map((person) => person.name)))
void run(one.pipe(Cached.ttl(ada, {}), Effect.map((person) => person.name)))
void run(Effect.map(Cached.ttl(one, "ada", { tll: "1 hour" }), (person) => person.name))
void run(Effect.map(Cached.ttl(one, ada, { tll: "1 hour" }), (person) => person.name))
void run(one.pipe(Cached.softTtl("ada", { ttl: "1 hour", softTTL: "1 minute" })))
void run(one.pipe(Cached.withStrategy("ada", { strategy: { ttl: "1 hour" }, colour: 1 })))
void run(one.pipe(Cached.withStrategy(ada, { strategy: { ttl: "1 hour" }, colour: 1 })))
void run(Effect.gen(function*() {
  const person = yield* one.pipe(Cached.refreshAhead("ada", { ttl: "1 hour" }))
  return person.name
}))

const user = Cached.fn(User, () => one, { ttl: "1 hour", colour: 1 })
void run(Effect.map(user({ id: 1, region: "eu" }), (person) => person.name))
const text = Cached.fn((id: number) => `user:${id}`, () => one, { ttl: "1 hour", colour: 1 })
void run(Effect.map(text(1), (person) => person.name))
