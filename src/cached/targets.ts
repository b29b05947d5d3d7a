/** Parses the targets of invalidations: keys, tags, key classes, index values and patterns. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { CacheConfigError, type StoreError } from "../CacheError.ts"
import type { Progress } from "../CacheEvent.ts"
import type { AnyClass } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type { Cache } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { strictly } from "../internal/engine/request/strict.ts"
import type { Policy } from "../internal/engine/state.ts"
import type { KeyInfo } from "../internal/key/info.ts"
import { isKey } from "../internal/key/isKey.ts"
import { kindOf } from "../internal/options/given.ts"
import { mistake } from "../internal/options/options.ts"
import * as Glob from "../internal/text/glob.ts"
import * as Turns from "../internal/time/turns.ts"
import { type AnyKey, idOf, type ListOf, tagOf, withCaching } from "./withCaching.ts"

/**
 * The field values that select entries by an index of a key class: exactly the fields of one index. A text that no
 * object fits, which the compiler quotes, if the class declares no index.
 * @see `Cached.invalidate`
 * @category models
 * @since 0.1.0
 */
type Where<C> = C extends AnyClass ? [C["~indexes"][number]] extends [never] ? "the key class has no indexes"
  : OfIndex<C["payload"]["Type"], C["~indexes"][number]>
  : never

type OfIndex<Payload, Index> = Index extends ReadonlyArray<PropertyKey> ? Exactly<Payload, Index[number]>
  : Index extends PropertyKey ? Exactly<Payload, Index>
  : never

type Exactly<Payload, Field extends PropertyKey> =
  & { readonly [F in Field & keyof Payload]: Payload[F] }
  & { readonly [F in Exclude<keyof Payload, Field>]?: never }

/**
 * The target of an invalidation: see the table of `Cached.invalidate`.
 * @category models
 * @since 0.1.0
 */
export type Target<C = any> = Simple | { readonly where: readonly [keyClass: C, fields: Where<C>] }

type Simple = AnyKey | { readonly tag: string } | { readonly all: AnyClass } | { readonly matching: string }

type List<Cs extends ReadonlyArray<unknown>> =
  // A separate member of the union, because otherwise the compiler finds no common type for lists of different lengths.
  | ListOf<Simple>
  | { readonly [I in keyof Cs]: Target<Cs[I]> }

export type OneOrMore<C, Cs extends ReadonlyArray<unknown>> = Target<C> | List<Cs>

interface Stored {
  readonly ids: Array<string>
  readonly tags: Array<string>
  readonly globs: Array<Glob.Glob>
  /** A string key that looks like a pattern, if there is one. A warning names this key. */
  patternLike: string | undefined
}

/** Adds a checked target. The check does not make ids, because a schema may refer to a class that is defined later. */
type Parsed = (stored: Stored) => void

const parsers: { readonly [kind: string]: (given: never) => Parsed } = {
  tag: (tag: string) => {
    const name = tagOf(tag)
    return ({ tags }) => tags.push(name)
  },
  all: (keyClass: AnyClass) => {
    const { tag } = infoOf("The target `all`", keyClass)
    return ({ tags }) => tags.push(tag)
  },
  where: (where: readonly [AnyClass, object]) => {
    const [keyClass, fields] = Array.isArray(where) ? where : []
    const toTag = indexTag("The target `where`", keyClass, fields)
    return ({ tags }) => tags.push(toTag())
  },
  matching: (pattern: string) => {
    const glob = globOf("The target `matching`", pattern)
    return ({ globs }) => globs.push(glob)
  }
}

const ofKey = (key: AnyKey): Parsed => (stored) => {
  stored.ids.push(idOf(key))
  if (typeof key === "string" && key.includes("*")) stored.patternLike = key
}

const parseOne = (target: unknown): Parsed => {
  if (typeof target === "string" || isKey(target)) return ofKey(target as AnyKey)
  const [kind, ...others] = typeof target === "object" && target !== null ? Object.keys(target) : []
  if (kind !== undefined && others.length === 0 && Object.hasOwn(parsers, kind)) {
    return parsers[kind]!((target as { readonly [kind: string]: never })[kind]!)
  }
  const given = kind === undefined ? kindOf(target) : `{ ${[kind, ...others].join(", ")} }`
  throw mistake(
    `A target of an invalidation cannot be ${given}: pass a key, { tag }, { all: Class }, ` +
      "{ where: [Class, fields] } or { matching: pattern }"
  )
}

export const isList = (given: unknown): given is Iterable<unknown> =>
  typeof given === "object" && given !== null && Symbol.iterator in given

export const parseGiven = (given: unknown): ReadonlyArray<Parsed> =>
  Array.from(isList(given) ? given : [given], parseOne)

const nothing = (): Stored => ({ ids: [], tags: [], globs: [], patternLike: undefined })

/** Collects the ids, tags and patterns of targets. Throws a `CacheConfigError` if a key does not match its schema. */
export const toStored = (targets: ReadonlyArray<Parsed>): Stored => {
  const stored = nothing()
  for (const add of targets) add(stored)
  return stored
}

/** Like `parseGiven` and then `toStored`, but yields to other fibers in a long list. */
export const collect = (given: unknown): Effect.Effect<Stored> => {
  const list = isList(given) ? Array.from(given) : [given]
  const stored = nothing()
  const adding = Effect.flatMap(Turns.map(list, parseOne), (parsed) => Turns.forEach(parsed, (add) => add(stored)))
  return Effect.as(adding, stored)
}

interface How {
  readonly mode?: "hard" | "soft" | undefined
  readonly onProgress?: ((progress: Progress) => Effect.Effect<unknown>) | undefined
}

export const invalidateTargets = (
  stored: Stored,
  { mode = "hard", onProgress }: How = {}
): Effect.Effect<void, never, Caching> =>
  withCaching((caching, policy) => {
    const { globs, ids, patternLike, tags } = stored
    if (policy.disabled.has("invalidate")) return Effect.void
    if (patternLike !== undefined) warnOfPatternLike(caching, patternLike)
    const parts: Array<Effect.Effect<unknown>> = globs.map((glob) => {
      const progress = caching.perform(Operations.invalidateMatching, glob, mode)
      return searched(
        caching,
        policy,
        onProgress === undefined ? Stream.runDrain(progress) : Stream.runForEach(progress, onProgress)
      )
    })
    if (ids.length > 0) parts.push(caching.perform(Operations.invalidate, ids, mode))
    if (tags.length > 0) parts.push(caching.perform(Operations.invalidateTags, tags, mode))
    if (parts.length === 1) return Effect.asVoid(parts[0]!)
    // Under `strict`, a part that fails must not interrupt the others: the targets of all parts leave memory.
    return Effect.flatMap(Effect.forEach(parts, Effect.exit, { concurrency: "unbounded" }), Exit.asVoidAll)
  })

const warnOfPatternLike = (caching: Cache, key: string): void =>
  caching.perform(
    Operations.warnOnce,
    "pattern-like key",
    `An invalidation got the string "${key}", which is a key and not a pattern: only the entry of this very key is ` +
      "invalidated. Pass { matching } for all keys that match (logged once)",
    { other: key }
  )

/** Unless `strict`, only logs that a pattern was not searched for everywhere, because a write may have succeeded. */
const searched = (caching: Cache, { strict }: Policy, search: Effect.Effect<void, StoreError>): Effect.Effect<void> =>
  Effect.catch(search, (error) => {
    if (strict) return strictly(error)
    caching.perform(
      Operations.warnOnce,
      "pattern",
      `An invalidation by pattern did not reach all of the store (${error.message}). The rest may be ` +
        "served until its ttl: invalidate again (logged once)",
      { fault: error }
    )
    return Effect.void
  })

export const infoOf = (what: string, keyClass: AnyClass | undefined): KeyInfo => {
  const info = (keyClass as { readonly prototype?: { readonly "~class"?: KeyInfo } } | undefined)?.prototype?.["~class"]
  if (info !== undefined) return info
  throw mistake(`${what} needs a key class: pass a class made with CacheKey.Class`)
}

/** Returns a getter for the tag that keys with these values share. Throws a `CacheConfigError` for invalid values. */
const indexTag = (what: string, keyClass: AnyClass | undefined, fields: object | undefined): () => string => {
  const info = infoOf(what, keyClass)
  if (typeof fields !== "object" || fields === null) {
    throw mistake(`${what} needs fields: pass an object with the values of all fields of one index`)
  }
  const make = () => info.indexTagOf(fields as { readonly [field: string]: unknown })
  try {
    const tag = make()
    return () => tag
  } catch (thrown) {
    if (thrown instanceof CacheConfigError) throw thrown
    // Makes the tag only when it is needed, because a schema of the class refers to a class that is not yet defined.
    return make
  }
}

export const globOf = (what: string, pattern: string): Glob.Glob => {
  if (typeof pattern === "string" && pattern !== "") return Glob.make(pattern)
  throw mistake(`${what} needs a pattern like "user:*"`)
}
