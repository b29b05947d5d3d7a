/** The read of a stream's manifest: an ordinary request whose load is a run of the stream. */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { AnyReadOptions } from "../../../cached/options.ts"
import type { Lifetime, Strategy } from "../../../Strategy.ts"
import { withPrototype } from "../../effect.ts"
import type { KeyInfo } from "../../key/info.ts"
import { idOf, infoOf, type Key, ownKey } from "../../key/ofKey.ts"
import { isStored } from "../../strategy/lifetime.ts"
import { constantOfStrategy, fallsBack } from "../../strategy/make.ts"
import type { Engine } from "../engine.ts"
import { FailedStream, type Manifest } from "../memory/manifest.ts"
import { read } from "../read/read.ts"
import type { Flight, Request } from "../state.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { codecsOver } from "./manifestCodec.ts"
import { codecsOf } from "./pageFormat.ts"
import type { RunLog } from "./runLog.ts"

export interface Streaming {
  readonly key: Key
  readonly origin: Stream.Stream<unknown, unknown, any>
  readonly strategy: Strategy<any, any, any>
  readonly options: AnyReadOptions
  readonly maxBytes: number | undefined
  readonly maxRunMillis: number
  readonly maxTtlMillis: number
  /** How long a consumer that has fallen behind may delay the others. `Infinity`: they wait for it. */
  readonly lagMillis: number
  readonly emit: "atOnce" | "whenComplete"
}

/** A summary of an ended stream. Functions in the options receive it in place of a value. */
export interface Ended {
  readonly elements: number
  readonly bytes: number
}

/** Passes the log of a flight to waiting consumers once the flight's run has begun. */
export interface Channel {
  log: RunLog | undefined
  readonly followers: Set<(log: RunLog) => void>
}

export interface StreamRequest extends Request {
  readonly engine: Engine
  readonly streaming: Streaming
  readonly channel: Channel
  readonly onFollow: (channel: Channel) => void
  readonly hasBegun: () => boolean
}

const none: ReadonlyArray<string> = []

let strings: KeyInfo | undefined

/** The class info for streams under string keys. Created on demand, so that its schemas are not in every bundle. */
const ofStrings = () =>
  strings ??= {
    name: undefined,
    success: Schema.Void,
    error: Schema.Never,
    hasError: false,
    isUndescribed: () => false,
    structuralTags: () => none,
    ownTags: () => none
  } as unknown as KeyInfo

const ofClasses = new WeakMap<KeyInfo, KeyInfo>()

const ofStreams = (info: KeyInfo): KeyInfo => {
  const known = ofClasses.get(info)
  if (known !== undefined) return known
  const made: KeyInfo = Object.create(info, {
    of: { value: info },
    metBy: { value: 0, writable: true },
    isUndescribed: { value: () => false }
  })
  ofClasses.set(info, made)
  return made
}

/** A key with the same id and tags but the codecs of a manifest, so that a value is never mistaken for a stream. */
const keyOf = (tier: StoreTier | undefined, key: Key): Key => {
  const info = infoOf(key)
  const own = info === undefined ? ofStrings() : ofStreams(info)
  if (tier !== undefined && tier.codecs.get(own) === undefined) tier.codecs.set(own, codecsOver(codecsOf(tier, key)))
  return typeof key === "string"
    ? { "~id": idOf(key), "~tags": none, "~class": own } as never
    : Object.create(key, {
      "~id": { value: idOf(key) },
      "~class": { value: own },
      "~own": { get: () => ownKey(key) }
    })
}

/** Replaces each `FailedStream` in a cause by the stream's own failure. */
export const ownCause = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error instanceof FailedStream)
    ? Cause.map(cause, (error) => error instanceof FailedStream ? error.error : error)
    : cause

const endOf = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<Ended, unknown> => {
  if (Exit.isFailure(exit)) return Exit.failCause(ownCause(exit.cause))
  const { bytes, elements } = exit.value as Manifest
  return Exit.succeed({ elements, bytes })
}

const strategyOf = ({ key, maxTtlMillis, strategy }: Streaming): Strategy<any, any, any> => {
  const fixed = constantOfStrategy(strategy) !== undefined
  const lifetime = (exit: Exit.Exit<unknown, unknown>): Lifetime | "skip" => {
    const given = strategy.lifetime(endOf(exit), ownKey(key))
    if (fixed || typeof given !== "object") return given
    // The manifest must not outlive its pages, which were written earlier and with at most this lifetime.
    return { softTtl: Math.min(given.softTtl, maxTtlMillis), ttl: Math.min(given.ttl, maxTtlMillis) }
  }
  const { decide, jitter, name, retryAfter } = strategy
  return {
    name,
    jitter,
    retryAfter,
    decide,
    lifetime,
    [fallsBack]: (strategy as { readonly [fallsBack]?: boolean })[fallsBack]
  } as Strategy<any, any, any>
}

const optionsOf = (
  { readDefaults }: Engine,
  { key, options }: Streaming,
  isKept: () => boolean
): AnyReadOptions => {
  const { fallbackOn = readDefaults.fallbackOn, tags } = options
  return {
    ...options,
    shareLoad: options.shareLoad ?? false,
    // The cached value is a manifest, which the layer's `copy` option must not copy.
    copy: (manifest: unknown) => manifest,
    // A run takes as long as its consumers take, so the layer's `softTimeout` does not apply.
    ...readDefaults.softTimeout === undefined ? {} : { softTimeout: Infinity },
    ...typeof tags === "function"
      ? { tags: (exit: Exit.Exit<unknown, unknown>) => tags(endOf(exit), ownKey(key)) }
      : {},
    when: (exit: Exit.Exit<unknown, unknown>) => isKept() && isStored(options, endOf(exit), ownKey(key)),
    storeIf: undefined,
    storeFailures: undefined,
    ...typeof fallbackOn === "function"
      ? { fallbackOn: (cause: Cause.Cause<unknown>) => fallbackOn(ownCause(cause)) }
      : {}
  }
}

/** How long a page must live after its run has ended: the stream's longest lifetime. */
export const longestTtl = ({ maxTtlMillis, strategy }: Streaming): number =>
  constantOfStrategy(strategy)?.ttl ?? maxTtlMillis

const StreamRequest = withPrototype<new() => StreamRequest>(
  function() {},
  Effectable.Prototype<StreamRequest>({
    label: "CachedStream",
    evaluate(fiber) {
      return read(this.engine, fiber, this)
    }
  })
)

interface Parts {
  readonly load: (request: StreamRequest) => Effect.Effect<unknown, unknown, any>
  readonly settled: (request: StreamRequest, flight: Flight) => void
  readonly onFollow: (channel: Channel) => void
  readonly hasBegun: () => boolean
}

export const make = (
  engine: Engine,
  streaming: Streaming,
  { hasBegun, load, onFollow, settled }: Parts
): StreamRequest => {
  const channel: Channel = { log: undefined, followers: new Set() }
  const fixed = constantOfStrategy(streaming.strategy)
  const request: StreamRequest = Object.assign(new StreamRequest(), {
    engine,
    streaming,
    channel,
    onFollow,
    hasBegun,
    key: keyOf(engine.storeTier, streaming.key) as Request["key"],
    load: undefined as never,
    strategy: strategyOf(streaming),
    options: optionsOf(engine, streaming, () => channel.log?.isWhole === true),
    deadlinesOnly: true,
    servesFresh: true,
    slides: false,
    constant: fixed,
    isConstant: (other: unknown) => other === fixed,
    constantLifetime: () => fixed!,
    refreshLoad: undefined,
    validate: () => true,
    rules: undefined,
    maxRunMillis: streaming.maxRunMillis,
    followed: (leader: Request) => onFollow((leader as StreamRequest).channel),
    settled: (flight: Flight) => settled(request, flight)
  })
  return Object.assign(request, { load: load(request) })
}
