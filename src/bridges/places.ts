/** The keys of another interface as string keys of a cache, below a prefix, so that they can be listed again. */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cached from "../Cached.ts"
import type { StoreError } from "../CacheError.ts"
import { id } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import { hash } from "../internal/key/id.ts"
import { mistake } from "../internal/options/options.ts"
import * as Glob from "../internal/text/glob.ts"

/** A value, with its key if the key is too long to be part of an id. */
interface Item<A> {
  readonly key?: string
  readonly value: A
}

export const checkPrefix = (what: string, prefix: unknown): string => {
  // Otherwise the places of long keys would be hashed again, and could not be listed.
  if (typeof prefix === "string" && prefix !== "" && id(ofHash(prefix, "")) === ofHash(prefix, "")) return prefix
  throw mistake(`prefix of ${what} must be a short text that does not begin with "~", like "my-app"`)
}

export const placeOf = (prefix: string, key: string): string => {
  const place = `${prefix}:${key}`
  return id(place) === place ? place : ofHash(prefix, key)
}

const ofHash = (prefix: string, key: string): string => `${prefix}#${hash(key)}`

export const itemOf = <A>(prefix: string, key: string, value: A): Item<A> =>
  placeOf(prefix, key).startsWith(`${prefix}:`) ? { value } : { key, value }

export const valueOf = <A>(item: Option.Option<unknown>): A | undefined =>
  Option.isSome(item) ? (item.value as Item<A>).value : undefined

type Entry = readonly [place: string, item: Item<unknown>, ttl: Duration.Input | undefined]

/** Writes items with a tag. Those that live equally long are written together. */
export const setMany = (entries: ReadonlyArray<Entry>, tag: string): Effect.Effect<void, never, Caching> =>
  Effect.forEach(
    Object.entries(Arr.groupBy(entries, ([, , ttl = Infinity]) => `${Duration.toMillis(ttl)}`)),
    ([ttl, some]) =>
      Cached.setMany(some.map(([place, item]) => [place, item] as const), { ttl: Number(ttl), tags: [tag] }),
    { concurrency: "unbounded", discard: true }
  )

export const keysOf = (prefix: string, start = ""): Stream.Stream<string, StoreError, Caching> =>
  Cached.entries(`${Glob.escape(prefix)}[:#]*`).pipe(
    Stream.mapEffect(({ id: place }) =>
      place.startsWith(`${prefix}:`)
        ? Effect.succeed(place.slice(prefix.length + 1))
        : Effect.map(Cached.getOption(place), (item) =>
          Option.isSome(item) ? (item.value as Item<unknown>).key : undefined)
    ),
    Stream.filter((key): key is string => key?.startsWith(start) === true)
  )
