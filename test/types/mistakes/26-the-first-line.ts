/** Mistakes that the first line of the compiler names, with the words after `says`. */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { ada, load, User } from "./given.ts"

const strategy = { ttl: "1 hour" } as const

// An unknown option. Says 'colour' does not exist
load.pipe(Cached.ttl(ada, { ttl: "1 hour", when: (exit) => exit._tag === "Success", colour: "red" }))
// A misspelt option, data-first. Says Did you mean to write 'timeout'?
Cached.ttl(load, "ada", { ttl: "1 hour", timeuot: "1 second" })
// No `ttl`. Says Property 'ttl' is missing
load.pipe(Cached.ttl(ada, {}))
// Outages are not named. Says Property 'fallbackOn' is missing
load.pipe(Cached.softTtl(ada, { ttl: "1 hour", softTtl: "1 minute" }))
// The same, outside of a pipe. Says Property 'fallbackOn' is missing
Cached.failover("ada", { ttl: "1 hour" })
// The same, of a function. Says Property 'fallbackOn' is missing
Cached.fn(User, () => load, { strategy: "failover", ttl: "1 hour" })
// No key. Says Expected 2-3 arguments, but got 1
load.pipe(Cached.ttl({ ttl: "1 hour" }))
// A key of another type. Says Argument of type 'number' is not assignable to parameter of type 'string | Any'
load.pipe(Cached.ttl(1, { ttl: "1 hour" }))
// A class in place of a key. Says Argument of type 'typeof User' is not assignable
Cached.ttl(load, User, { ttl: "1 hour" })
// A key in place of a class. Says not assignable to parameter of type 'AnyClass | ToKey'
Cached.fn(ada, () => load, strategy)
// A misspelt `strategy`. Says Did you mean to write 'strategy'?
Cached.fn(User, () => load, { stategy: "ttl" })
// No lookup. Says Expected 3 arguments, but got 2
Cached.fn(User, { ttl: "1 hour" })
// A unit of time misspelt. Says Type '"10 minuts"' is not assignable
load.pipe(Cached.ttl("ada", { ttl: "10 minuts" }))
// A field of a duration misspelt. Says 'minuts' does not exist
load.pipe(Cached.ttl(ada, { ttl: { minuts: 10 } }))
// `softTtl` where there is only `ttl`. Says 'softTtl' does not exist
load.pipe(Cached.ttl(ada, { ttl: "1 hour", softTtl: "1 minute" }))
// A `when` of another value. Says Type '() => string' is not assignable
load.pipe(Cached.ttl(ada, { ttl: "1 hour", when: () => "yes" }))
// One tag in place of a list. Says Type 'string' is not assignable to type 'Of<
load.pipe(Cached.ttl(ada, { ttl: "1 hour", tags: "users" }))
// A tag that is no text. Says Type 'number' is not assignable to type 'string'
load.pipe(Cached.ttl(ada, { ttl: "1 hour", tags: [1] }))
// A misspelt name of a strategy. Says Did you mean '"softTtl"'?
Cached.fn(User, () => load, { strategy: "softTTL", ttl: "1 hour" })
// An effect, no function. Says Http>' is not assignable to parameter of type '(key: User)
Cached.fn(User, load, strategy)
// An unknown option beside a strategy that is made there. Says 'colour' does not exist
Cached.fn(User, (_) => load, { ttl: "1 hour", colour: "red" })
// An unknown option beside string keys. Says 'colour' does not exist
Cached.fn((id: number) => `user:${id}`, () => load, { ...strategy, colour: "red" })
// A strategy's options in the place of its word. Says not assignable to type 'Strategy<
Cached.fn((id: number) => `user:${id}`, () => load, { strategy })
// The options in place of the load. Says Expected 3 arguments, but got 2
Cached.fn((id: number) => `user:${id}`, { ttl: "1 hour" })
// No `ttl` of a function of many. Says Property 'ttl' is missing
Cached.many(User, () => Effect.succeed([]), {})
// A value that is not that of the key. Says not assignable to parameter of type 'User & KeyForValue<string>'
Effect.succeed("Ada").pipe(Cached.ttl(ada, { ttl: "1 hour" }))
// The same, by any strategy. Says not assignable to parameter of type 'User & KeyForValue<string>'
Effect.succeed("Ada").pipe(Cached.withStrategy(ada, { strategy }))
// A tag that no failure has. Says Type '"Dwon"' is not assignable to type 'Tags<Down | NotFound>'
load.pipe(Cached.softTtl(ada, { ttl: "1 hour", softTtl: "1 minute", fallbackOn: ["Dwon"] }))
// The same, beside a string. Says Did you mean '"NotFound"'?
load.pipe(Cached.ttl("ada", { ttl: "1 hour", storeFailures: ["NotFond"] }))
// A function of another value, beside a string. Says Type '(name: string) => boolean' is not assignable to type
load.pipe(Cached.ttl("ada", { ttl: "1 hour", storeIf: (name: string) => name !== "" }))
// A misspelt option of a layer in a pipe. Says Did you mean to write 'above'?
CacheLayer.memory().pipe(CacheLayer.withHeapLimit({ abov: 0.7 }))
// An option of a layer in a pipe that is no number. Says Type 'string' is not assignable to type 'number'
CacheLayer.memory().pipe(CacheLayer.withHeapLimit({ above: "70 %" }))
