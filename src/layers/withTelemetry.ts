/**
 * How the telemetry of a cache shows ids, and the name of the cache.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type { CacheEvent } from "../CacheEvent.ts"
import * as Caching from "../Caching.ts"
import { digest } from "../internal/codec/digest.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import type { Disguise } from "../internal/engine/telemetry/telemetry.ts"
import { infoOf } from "../internal/key/ofKey.ts"
import { checkOptions, type Checks, mistake, optional } from "../internal/options/options.ts"
import { messageOf } from "../internal/text/failures.ts"

/**
 * Options for {@link withTelemetry}.
 * @category options
 * @since 0.1.0
 */
export interface TelemetryOptions {
  /**
   * How spans, log lines and events show ids and tags. `"plain"`: as they are. `"digest"`: as 16 hexadecimal digits of
   * their SHA-256, so that lines about one id can be found, but not read. `"none"`: not at all.
   * @default "plain"
   */
  readonly ids?: "plain" | "digest" | "none" | undefined
  /** The name of the cache: `cache.name` of spans and log lines. Useful if a program has several caches. */
  readonly name?: string | undefined
}

type CacheLayer = Layer.Layer<Caching.Caching, unknown, unknown>

/**
 * Limits what the spans, log lines and events of a cache say about ids and tags, which may name people. Also gives the
 * cache a name.
 *
 * **When to use**
 *
 * Use if logs and traces are kept longer, or read by more people, than the data in the cache.
 *
 * **Details**
 *
 * - Metrics have no ids anyway. The names of key classes, stores and strategies are still shown.
 * - The program itself gets plain ids: from `Cached.detect`, `Cached.onRemoval`, errors and `Explanation`.
 * - With `"none"`, the `id` of an event is empty, and so are the lists of an `Invalidate`.
 *
 * **Gotchas**
 *
 * Whoever can guess an id can compute its digest.
 *
 * **Example** (Events without ids)
 *
 * ```ts
 * import { Effect, Fiber, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const cache = CacheLayer.memory().pipe(CacheLayer.withTelemetry({ ids: "digest" }))
 * await Effect.runPromise(Effect.gen(function*() {
 *   const first = yield* Effect.forkChild(Stream.runHead(Cached.eventsOf(["Set"])), { startImmediately: true })
 *   yield* Cached.set("ada@example.org", 1)
 *   const event = yield* Fiber.join(first)
 *   return event._tag === "Some" ? event.value.id : ""
 * }).pipe(Effect.provide(cache))) // => "cfe00dde46ef9426"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withTelemetry: {
  (options: TelemetryOptions): <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer) => Layer.Layer<Out, E, R>
  <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer, options: TelemetryOptions): Layer.Layer<Out, E, R>
} = dual(
  2,
  <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer, options: TelemetryOptions): Layer.Layer<Out, E, R> => {
    checkOptions("CacheLayer.withTelemetry", options, checks)
    const { ids = "plain", name } = options
    if (ids === "plain" && name === undefined) return cache
    const id = ids === "plain" ? (id: string) => id : ids === "none" ? () => undefined : digest
    const disguise = { ...naming(name, id), ...ids === "plain" ? asTheyAre : hiding(id) }
    return Layer.tap(
      cache as Layer.Layer<Out | Caching.Caching, E, R>,
      (context: Context.Context<Caching.Caching>) =>
        Effect.sync(() => cacheOf(Context.get(context, Caching.Caching)).perform(Operations.disguise, disguise))
    )
  }
)

const checks: Checks<TelemetryOptions> = {
  ids: (ids) => {
    if (ids === undefined || ids === "plain" || ids === "digest" || ids === "none") return
    throw mistake(`ids of CacheLayer.withTelemetry must be "plain", "digest" or "none"`)
  },
  name: optional((name) => {
    if (typeof name !== "string" || name === "") throw mistake("name of CacheLayer.withTelemetry must be a text")
  })
}

type Shown = (id: string) => string | undefined

const naming = (cache: string | undefined, id: Shown): Pick<Disguise, "annotationsOf"> => ({
  annotationsOf(about) {
    const [key, name] = [id(about.id), infoOf(about.key)?.name]
    return {
      ...cache === undefined ? {} : { "cache.name": cache },
      ...key === undefined ? {} : { "cache.key": key },
      ...name === undefined ? {} : { "cache.class": name }
    }
  }
})

const asTheyAre: Pick<Disguise, "line" | "event"> = {
  line: (message, details) => [message, details],
  event: (event) => event
}

/** From the first quote to the last one, because an id may contain quotes. */
const quoted = /".*"|'.*'/gs

const hiding = (id: Shown): Pick<Disguise, "line" | "event"> => {
  const all = (texts: ReadonlyArray<string>): ReadonlyArray<string> => texts.flatMap((text) => id(text) ?? [])
  const shown = (text: string): string => id(text) ?? "…"
  return {
    line(message, { about, cause, fault, other }) {
      const why = messageOf(fault?.cause)
      const named = [about?.id, other].flatMap((text) => text ?? [])
      const replaced = (text: string, quote: string): string =>
        named.reduce((all, name) => all.replaceAll(quote + name + quote, () => quote + shown(name) + quote), text)
      return [replaced(why ? message.replace(why, () => why.replaceAll(quoted, "…")) : message, "\""), {
        ...about === undefined ? {} : { about },
        // The failure of a load often names its key.
        ...cause === undefined ? {} : { cause: replaced(typeof cause === "string" ? cause : Cause.pretty(cause), "") }
      }]
    },
    event: (event) =>
      "id" in event
        ? { ...event, id: id(event.id) ?? "" } as CacheEvent
        : event._tag === "Invalidate"
        ? { ...event, ids: all(event.ids), tags: all(event.tags) }
        : event
  }
}
