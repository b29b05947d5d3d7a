/**
 * How the telemetry of a cache shows ids, and the name of the cache.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as CacheErrors from "../CacheError.ts"
import type { CacheEvent } from "../CacheEvent.ts"
import * as Caching from "../Caching.ts"
import { digest } from "../internal/codec/digest.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { GivenDisguise } from "../internal/engine/telemetry/disguise.ts"
import type { Disguise } from "../internal/engine/telemetry/telemetry.ts"
import { infoOf } from "../internal/key/ofKey.ts"
import { checkOptions, type Checks, mistake, nameOfCache } from "../internal/options/options.ts"
import { messageOf } from "../internal/text/failures.ts"

/**
 * Options for {@link withTelemetry}.
 * @category options
 * @since 0.1.0
 */
interface TelemetryOptions {
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
 *   const first = yield* Effect.forkChild(Stream.runHead(Cached.events({ of: ["Set"] })), { startImmediately: true })
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
    // A store may log before the cache is made.
    return Layer.provide(
      Layer.tap(
        cache as Layer.Layer<Out | Caching.Caching, E, R>,
        (context: Context.Context<Caching.Caching>) =>
          Effect.sync(() => cacheOf(Context.get(context, Caching.Caching)).perform(Operations.disguise, disguise))
      ),
      Layer.succeed(GivenDisguise, disguise)
    )
  }
)

const checks: Checks<TelemetryOptions> = {
  ids: (ids) => {
    if (ids === undefined || ids === "plain" || ids === "digest" || ids === "none") return
    throw mistake(`ids of CacheLayer.withTelemetry must be "plain", "digest" or "none"`)
  },
  name: nameOfCache
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

const asTheyAre: Pick<Disguise, "line" | "event" | "exit"> = {
  line: (message, details) => [message, details],
  event: (event) => event,
  exit: (exit) => exit
}

/** From the first quote to the last one, because an id may contain quotes. */
const quoted = /".*"|'.*'/gs

const withoutQuotes = (text: string): string => text.replaceAll(quoted, "…")

/** The words of a driver, without what they quote: only the ids that their line names are kept, to be shown. */
const wordsOf = (words: string, named: ReadonlyArray<string>): string => {
  for (const id of named) {
    const quote = `"${id}"`
    const others = words.split(quote).map(withoutQuotes)
    if (others.length > 1 && !others.some((other) => other.includes("\""))) return others.join(quote)
  }
  return withoutQuotes(words)
}

/** Whether an error is of the library, and so names an id in quotes. */
const isOwn = (error: unknown): error is object => Object.values(CacheErrors).some((own) => error instanceof own)

const hiding = (id: Shown): Pick<Disguise, "line" | "event" | "exit"> => {
  const all = (texts: ReadonlyArray<string>): ReadonlyArray<string> => texts.flatMap((text) => id(text) ?? [])
  const shown = (text: string): string => id(text) ?? "…"
  const bare = (text: string, ids: ReadonlyArray<string>): string =>
    ids.reduce((all, name) => all.replaceAll(name, () => shown(name)), text)
  /** A failure often names the key of its load. If it is of the library, it quotes that of another load, perhaps. */
  const hide = (cause: Cause.Cause<unknown>, named: ReadonlyArray<string>): Cause.Cause<Error> =>
    Cause.fromReasons(cause.reasons.map((reason) => {
      if (Cause.isInterruptReason(reason)) return reason
      const thrown = Cause.isFailReason(reason) ? reason.error : reason.defect
      const [error] = Cause.prettyErrors(Cause.fail(thrown), { includeCauseInStack: true })
      const all = isOwn(thrown) && "key" in thrown ? [...named, String(thrown.key)] : named
      const hidden = (text: string) => bare(isOwn(thrown) ? wordsOf(text, all) : text, all)
      const copy = new Error(hidden(error!.message))
      return Cause.makeFailReason(
        Object.assign(copy, { name: error!.name, stack: hidden(error!.stack ?? error!.message) })
      )
    }))
  return {
    line(message, { about, cause, fault, other }) {
      const why = messageOf(fault?.cause)
      const named = [about?.id, other].flatMap((text) => text ?? [])
      const text = why ? message.replace(why, () => wordsOf(why, named)) : message
      const shownText = named.reduce((all, name) => all.replaceAll(`"${name}"`, () => `"${shown(name)}"`), text)
      const causeText = typeof cause === "object" ? Cause.pretty(hide(cause, named)) : cause
      return [shownText, {
        ...about === undefined ? {} : { about },
        // A cause without an id is that of a driver, or of a listener.
        ...causeText === undefined
          ? {}
          : { cause: named.length === 0 ? withoutQuotes(causeText) : bare(causeText, named) }
      }]
    },
    event: (event) =>
      "id" in event
        ? { ...event, id: id(event.id) ?? "" } as CacheEvent
        : event._tag === "Invalidate"
        ? { ...event, ids: all(event.ids), tags: all(event.tags) }
        : event,
    exit: (exit, about) => Exit.isSuccess(exit) ? exit : Exit.failCause(hide(exit.cause, [about]))
  }
}
