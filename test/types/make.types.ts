/** Types that the compiler must infer for functions of `Cached.make`; checked by `tsc`, not run. */
import { Context, Effect, type Exit, Schema, type Scope, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { same } from "./same.ts"

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}
class Db extends Context.Service<Db, { readonly one: (id: number) => Effect.Effect<string, Down> }>()("Db") {}
class Zone extends Context.Service<Zone, string>()("Zone") {}
class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
declare const Local: Schema.Codec<string, string, Zone, Zone>

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Local, error: NotFound }) {}

const strategy = { ttl: "1 hour" } as const
const one = (id: number) => Effect.flatMap(Db, (db) => db.one(id))

// String keys
const byString = Cached.make(Cached.fn((id: number) => `user:${id}`, one, strategy))
same<Effect.Services<typeof byString>, Db | Caching.Caching>(true)
same<Effect.Error<typeof byString>, never>(true)
declare const find: Effect.Success<typeof byString>
same<Parameters<typeof find>, [id: number]>(true)
same<ReturnType<typeof find>, Effect.Effect<string, Down>>(true)
same<ReturnType<typeof find.key>, string>(true)
same<ReturnType<typeof find.invalidate>, Effect.Effect<void>>(true)
same<ReturnType<typeof find.refresh>, Effect.Effect<string, Down>>(true)

// A key class, whose schema needs a service
const byClass = Cached.make(
  Cached.fn(User, ({ id }) => Effect.scoped(one(id)), { ...strategy, timeout: "1 second" })
)
same<Effect.Services<typeof byClass>, Db | Zone | Caching.Caching>(true)
declare const user: Effect.Success<typeof byClass>
same<Effect.Services<ReturnType<typeof user>>, never>(true)
same<Effect.Success<ReturnType<typeof user>>, string>(true)
same<Effect.Error<ReturnType<typeof user>>["_tag"], "Down" | "NotFound" | "LoadTimeout">(true)
same<ReturnType<typeof user.key>, User>(true)
const used: Effect.Effect<string, unknown> = user({ id: 1 })

// Many
const ofMany = Cached.make(
  Cached.many(
    User,
    (keys) =>
      Effect.flatMap(Db, () => Effect.succeed(keys.map(({ id }) => Effect.runSyncExit(Effect.succeed(`${id}`))))),
    strategy
  )
)
same<Effect.Services<typeof ofMany>, Db | Zone | Caching.Caching>(true)
declare const users: Effect.Success<typeof ofMany>
same<ReturnType<typeof users>, Effect.Effect<ReadonlyArray<Exit.Exit<string, NotFound>>>>(true)

// Recursive
const ofRecursive = Cached.make(
  Cached.recursive(User, ({ id }, self) => Effect.flatMap(one(id), () => self({ id: id - 1 })), strategy)
)
same<Effect.Services<typeof ofRecursive>, Db | Zone | Caching.Caching>(true)
declare const chain: Effect.Success<typeof ofRecursive>
same<Effect.Services<ReturnType<typeof chain>>, never>(true)

// Streams, and effects of combinators
const ofStream = Cached.make((name: string) =>
  Stream.fromEffect(Effect.as(Db, name)).pipe(Cached.stream(name, { ttl: "1 hour" }))
)
same<Effect.Services<typeof ofStream>, Db | Caching.Caching>(true)
declare const rows: Effect.Success<typeof ofStream>
same<Stream.Services<ReturnType<typeof rows>>, never>(true)
same<Stream.Success<ReturnType<typeof rows>>, string>(true)
const ofCombinator = Cached.make((id: number) => one(id).pipe(Cached.ttl(`user:${id}`, { ttl: "1 hour" })))
same<Effect.Services<typeof ofCombinator>, Db | Caching.Caching>(true)

// A named cache
const named = Cached.make(Cached.withCache(Cached.fn((id: number) => `user:${id}`, one, strategy), Pages))
same<Effect.Services<typeof named>, Db | Pages>(true)
declare const page: Effect.Success<typeof named>
same<ReturnType<typeof page>, Effect.Effect<string, Down>>(true)

// A service with the type of its methods written out
class Users extends Context.Service<Users, { readonly find: (id: number) => Effect.Effect<string, Down> }>()("Users") {
  static readonly make = Effect.map(byString, (find): Users["Service"] => ({ find }))
}
same<Effect.Services<typeof Users.make>, Db | Caching.Caching>(true)

// Functions that take cached functions
same<Stream.Services<ReturnType<typeof Cached.warm<typeof user>>>, never>(true)
const warmed: Stream.Stream<unknown> = Cached.warm(user, [{ id: 1 }])
const fresh: Effect.Effect<void, never, Scope.Scope> = Cached.keepFresh(user, { id: 1 }, Effect.void as never)
const again = Cached.make(find)
same<Effect.Services<typeof again>, never>(true)

// @ts-expect-error an effect is no function
void Cached.make(Effect.succeed(1).pipe(Cached.ttl("a", { ttl: 1 })))
// @ts-expect-error the options of Effect's `Cache.make`
void Cached.make({ lookup: one, capacity: 10, timeToLive: "1 hour" })
// @ts-expect-error the services of the load are still to be provided
const lacking: Effect.Effect<unknown, never, Caching.Caching> = byString

void [used, warmed, fresh, lacking, CacheLayer]
