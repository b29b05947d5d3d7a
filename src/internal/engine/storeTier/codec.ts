/** Encodes entries for the store, and decodes stored entries. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type { Meta, Stored, TagVersion } from "../../../CacheEntry.ts"
import { SerializerError } from "../../../CacheError.ts"
import type { Codec, Use } from "../../../ports/serializer.ts"
import { compile } from "../../codec/compile.ts"
import { maxTags } from "../../codec/frame.ts"
import { checked, checking } from "../../codec/sameAgain.ts"
import type { KeyInfo } from "../../key/info.ts"
import { infoOf, type Key } from "../../key/ofKey.ts"
import { Entry, keepVersions } from "../memory/entry.ts"
import * as Log from "../telemetry/log.ts"
import { countersOf } from "../telemetry/stats.ts"
import { noteMisfit, noteRefused } from "./faults.ts"
import type { Codecs, Fault, StoreTier } from "./storeTier.ts"

type AnyCodec = Schema.Codec<unknown, unknown, any, any>

/** The codecs of a key, compiled once per class. Throws a `CacheConfigError` if the serializer refuses the schema. */
export const codecsOf = (tier: StoreTier, key: Key): Codecs => {
  const info = infoOf(key)
  if (info === undefined) return tier.plain
  const known = tier.codecs.get(info)
  if (known !== undefined) return known
  const make = (schema: unknown, outcome: Use["outcome"]) => compileFor(tier, info, schema as AnyCodec, outcome)
  const codecs: Codecs = {
    success: make(info.success, "success"),
    failure: info.hasError ? make(info.error, "failure") : undefined
  }
  tier.codecs.set(info, codecs)
  return codecs
}

/** Compiles a codec for a key class, which checks its values. */
export const compileFor = (
  tier: StoreTier,
  info: KeyInfo,
  schema: AnyCodec,
  outcome: Use["outcome"]
): Codec<unknown, any> => {
  const { name: keyClass, serializer, unambiguous } = info
  return checking(compile(tier.serializer, schema, { keyClass, outcome, serializer }), schema, {
    serializer: tier.serializer.name,
    unambiguous,
    onUndeclared: (place) =>
      Log.warnOnce(
        tier.front,
        `undeclared ${keyClass}`,
        `A value of the key class "${keyClass}" has a field that its schema does not declare${place}: it lasts only in ` +
          "memory, and readers of the store do not get it. Declare it, or leave it out in the load " +
          "(logged once a key class)"
      )
  })
}

/** The codec for a stored entry. `undefined` if another serializer wrote the entry. */
export const codecFor = (codecs: Codecs, stored: Stored): Codec<unknown, any> | undefined => {
  const codec = stored.meta.outcome === "success" ? codecs.success : codecs.failure
  const { serializer } = stored.meta
  return codec?.id === serializer ? codec : codec?.reads?.(serializer)
}

interface Revived {
  readonly key: Key
  readonly id: string
  readonly stored: Stored
  readonly exit: Exit.Success<unknown, any>
  readonly bornAt: number
  readonly softened: boolean
}

/**
 * The soft deadline of a stored entry whose id was softly invalidated: the year -1199, because not all formats of
 * stores have `-Infinity`. A store may shift it by the difference between clocks.
 */
export const softMark = -1e14

/** Stands for the constant lifetime of a stored entry. No strategy has it, so that of the first reader replaces it. */
const fromStore = Symbol("fromStore")

export const revive = (
  tier: StoreTier,
  { bornAt, exit, id, key, softened, stored: { meta, payload } }: Revived
): Entry => {
  const { meter, time } = tier.front
  meter?.transferred("read", payload.length)
  const older = time.olderBy(meta.createdAt)
  const entry = new Entry({
    id,
    exit: meta.outcome === "success" ? exit : Exit.fail(exit.value),
    createdAt: meta.createdAt - older,
    softExpiresAt: softened || meta.softExpiresAt < softMark / 2 ? -Infinity : meta.softExpiresAt - older,
    expiresAt: meta.expiresAt - older,
    loadMillis: meta.loadMillis,
    tags: tagNames(meta.tags),
    bornAt,
    writeId: meta.writeId,
    etag: meta.etag,
    constant: meta.isConstant === true ? fromStore : undefined,
    endsWithParts: meta.endsWithParts,
    counters: countersOf(tier.front, key),
    time
  })
  if (tier.captures > 0 && meta.tags.length > 0) keepVersions(entry, meta.tags)
  // If memory holds an entry from the same write, the count of its reads continues.
  const inMemory = tier.front.memory.entries.get(id)
  if (inMemory?.writeId === meta.writeId) entry.reads = inMemory.reads
  return entry
}

export const none: ReadonlyArray<string> = []

/** The tags of the last entry and their names, cached because entries read in succession often share tags. */
let named: { readonly tags: ReadonlyArray<TagVersion>; readonly names: ReadonlyArray<string> } = {
  tags: [],
  names: none
}

export const tagNames = (tags: ReadonlyArray<TagVersion>): ReadonlyArray<string> => {
  if (tags.length === 0) return none
  if (tags !== named.tags) named = { tags, names: tags.map((tag) => tag.tag) }
  return named.names
}

export const decodeNow = (
  codec: Codec<unknown, any>,
  payload: Uint8Array,
  id: string,
  meta?: Meta
): Effect.Effect<unknown, unknown, any> => {
  try {
    return codec.decode(payload, id, meta)
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** Describes a failure in a log by its `_tag` or type only, because its content may be private. */
const tagOf = (failure: unknown): string => {
  try {
    const tag = typeof failure === "object" && failure !== null && "_tag" in failure ? failure._tag : undefined
    if (typeof tag === "string") return `"${tag}"`
  } catch {
    // A getter of the user threw.
  }
  return typeof failure === "object" ? "an object" : `a ${typeof failure}`
}

type Encode = (
  tier: StoreTier,
  key: Key,
  entry: Entry,
  tags: ReadonlyArray<TagVersion>
) => Effect.Effect<Stored | undefined | Fault, never, any>

const encodeNoting = (note: typeof noteMisfit): Encode => (tier, key, entry, tags) => {
  const { exit, id, outcome } = entry
  const codecs = codecsOf(tier, key)
  const codec = outcome === "success" ? codecs.success : codecs.failure
  if (codec === undefined) {
    warnOfFailure(tier, key, entry)
    return Effect.undefined
  }
  if (tags.length > maxTags) {
    const reason = `it has ${tags.length} tags, and at most ${maxTags} can be stored`
    const fault = new SerializerError({ serializer: tier.serializer.name, operation: "encode", reason })
    return Effect.succeed(note(tier, key, fault))
  }
  const value = valueOf(exit)
  const meta = metaOf(entry, codec.id, tags)
  const encoded = (exit: Exit.Exit<Uint8Array, unknown>): Stored | Fault => {
    if (Exit.isFailure(exit)) {
      return note(tier, key, toFault(tier, exit.cause), outcome === "success" ? undefined : tagOf(value))
    }
    tier.front.meter?.transferred("write", exit.value.length)
    return { payload: exit.value, meta, ...codec.extension === undefined ? {} : { extension: codec.extension } }
  }
  const encoding = encodeNow(codec, value, id, meta)
  return Exit.isExit(encoding)
    ? Exit.succeed(encoded(encoding as Exit.Exit<Uint8Array, unknown>))
    : Effect.map(Effect.exit(encoding), encoded)
}

/** Encodes an entry for the store. Returns `undefined` for a failure without an error schema. */
export const encode = encodeNoting(noteMisfit)

/** Like `encode`, but logs no warning that the value stays in memory, because the caller receives the fault. */
export const encodeForCaller = encodeNoting((tier, _, fault) => noteRefused(tier, fault))

const valueOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause)

/** Warns that a failure without an error schema is not stored. String keys have none, so their memory is enough. */
const warnOfFailure = (tier: StoreTier, key: Key, { exit, id }: Entry): void => {
  const name = infoOf(key)?.name
  const isKept = tier.front.memory.capacity > 0
  if (name === undefined && isKept) return
  Log.warnOnce(
    tier.front,
    `no error ${name}`,
    `The failure ${tagOf(valueOf(exit))} of "${id}" ${isKept ? "stays in memory and " : ""}is not stored: ` +
      (name === undefined
        ? "the cache has no memory, and only a key class with an `error` can store failures. Use such a class, or leave " +
          "the failure out of `storeFailures` or `when` (logged once)"
        : `the key class "${name}" has no \`error\`. Give it the schema of the failures that are stored, or leave ` +
          "them out in `storeFailures` or `when` (logged once a key class)"),
    { about: { id, key } }
  )
}

const encodeNow = (
  codec: Codec<unknown, any>,
  value: unknown,
  id: string,
  meta: Meta
): Effect.Effect<Uint8Array, unknown, any> => {
  try {
    return checked(codec, value, () => codec.encode(value, id, meta))
  } catch (defect) {
    return Exit.die(defect)
  }
}

const toFault = ({ serializer }: StoreTier, cause: Cause.Cause<unknown>): SerializerError => {
  const error = Cause.squash(cause)
  return error instanceof SerializerError ? error : new SerializerError({
    serializer: serializer.name,
    operation: "encode",
    reason: "its codec failed",
    cause: error
  })
}

const metaOf = (entry: Entry, serializer: number, tags: ReadonlyArray<TagVersion>): Meta => ({
  createdAt: entry.createdAt,
  softExpiresAt: entry.softExpiresAt,
  expiresAt: entry.expiresAt,
  loadMillis: entry.loadMillis,
  outcome: entry.outcome,
  tags,
  writeId: entry.writeId!,
  serializer,
  ...entry.etag === undefined ? {} : { etag: entry.etag },
  ...entry.constant === undefined
    ? {}
    : { isConstant: true, ...entry.endsWithParts === true ? { endsWithParts: true } : {} }
})
