/** Mistakes beside other functions than the combinators, which the first line names with the words after `says`. */
import { Effect, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, Guard, type Strategy } from "effect-cached"
import { load } from "./given.ts"

class Text extends CacheKey.Class<Text>()("Text", { success: Schema.String }) {}
const text = new Text()
const name = Effect.succeed("Ada")
declare const own: Strategy.Strategy

// A plain value in place of an `Option`. Says Type 'number' is not assignable to type 'Effect<Option<unknown>,
Cached.update("visits", () => 5)
// The same, from a function with types. Says '(visits: Option.Option<number>) => number' is not assignable
Cached.update("visits", (visits: Option.Option<number>) => Option.getOrElse(visits, () => 0) + 1)
// A value that is not that of the key. Says Type 'Option<number>' is not assignable to type 'Effect<Option<string>,
Cached.update(text, () => Option.some(1))
// A promise. Says Type 'Promise<Option<number>>' is not assignable
Cached.update("visits", async () => Option.some(5))
// An unknown option of an update. Says 'ifAbsent' does not exist in type 'UpdateOptions
Cached.update("visits", (visits) => visits, { ifAbsent: true })

// A misspelt option of a circuit breaker. Says Did you mean to write 'failures'?
load.pipe(Guard.circuitBreaker({ key: "api", failure: 5 }))
// The same, data-first. Says Did you mean to write 'failures'?
Guard.circuitBreaker(load, { key: "api", failure: 5 })
// An option of another type. Says Type 'string' is not assignable to type 'number'
load.pipe(Guard.circuitBreaker({ key: "api", failures: "5" }))
// An `isFailure` of another value. Says type '(exit: Exit<Person, Down | NotFound>) => boolean'
load.pipe(Guard.circuitBreaker({ key: "api", isFailure: () => "yes" }))
// No key of a circuit breaker. Says Property 'key' is missing
load.pipe(Guard.circuitBreaker({ failures: 5 }))
// No `window`. Says Property 'window' is missing
load.pipe(Guard.rateLimit({ key: "api", limit: 5 }))
// The same, of a sliding limit. Says Property 'window' is missing
Guard.rateLimit(load, { key: "api", limit: 5, algorithm: "sliding-log" })

// No lifetime of a stream. Says Property 'ttl' is missing
Stream.make(1).pipe(Cached.stream("rows", {}))
// The same, data-first. Says Property 'ttl' is missing
Cached.stream(Stream.make("a"), text, {})
// A misspelt option of a stream. Says Did you mean to write 'whenSlow'?
Stream.make(1).pipe(Cached.stream("rows", { ttl: "1 hour", whenSlwo: "wait" }))
// The same beside a strategy. Says Did you mean to write 'whenSlow'?
Stream.make("a").pipe(Cached.stream(text, { ttl: "1 hour", whenSlwo: "wait" }))
// A misspelt unit of time of a stream. Says Type '"1 hor"' is not assignable
Stream.make(1).pipe(Cached.stream("rows", { ttl: "1 hor" }))
// No key of a stream. Says Expected 2-3 arguments, but got 1
Stream.make(1).pipe(Cached.stream({ ttl: "1 hour" }))

// A failure to store, the class declares none. Says "there is no failure with a _tag, or the key class has no error"
Effect.as(load, "Ada").pipe(Cached.ttl(text, { ttl: "1 hour", storeFailures: ["Down"] }))
// The same, data-first. Says "there is no failure with a _tag, or the key class has no error"
Cached.ttl(Effect.as(load, "Ada"), text, { ttl: "1 hour", storeFailures: ["Down"] })
// The same, in a strategy. Says "there is no failure with a _tag, or the key class has no error"
Cached.fn(Text, () => name, { ttl: "1 hour", storeFailures: ["Down"] })
// A failure to fall back on, of an effect without any. Says "there is no failure with a _tag"
name.pipe(Cached.softTtl("name", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: ["Down"] }))
// The same, data-first. Says "there is no failure with a _tag"
Cached.failover(name, "name", { ttl: "1 hour", fallbackOn: ["Down"] })
// None to fall back on, of a function. Says "there is no failure with a _tag"
Cached.fn(() => "name", () => name, { strategy: own, fallbackOn: ["Down"] })

// A key class that is called once. Says Type 'CalledOnce<Once>' is not a constructor function type
export class Once extends CacheKey.Class<Once>("Once", { success: Schema.String }) {}
// The same, without a name. Says Type 'CalledOnce<Nameless>' is not a constructor function type
export class Nameless extends CacheKey.Class<Nameless>() {}
// The same, without a call. Says Type '<Self = never>() => CalledOnce<Self>' is not a constructor function type
export class Bare extends CacheKey.Class {}

// A value that is not that of its key. Says parameter of type 'Iterable<readonly [key: Text, value: string]>'
Cached.setMany([[text, 1]])
// One key in place of a list. Says Argument of type 'string' is not assignable to parameter of type 'ListOf<string>'
Cached.getMany("ada")
// No target, to invalidate. Says Argument of type 'number' is not assignable to parameter of type
Cached.invalidate(5)
