/**
 * Logs a line for each event of a cache.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Formatter from "effect/Formatter"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import type { CacheEvent } from "../CacheEvent.ts"
import type { Caching } from "../Caching.ts"
import { loggedCharacters } from "../internal/defaults/bounds.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import type { EventListener } from "../internal/engine/telemetry/telemetry.ts"
import { checkOptions, type Checks, mistake, optional, refuseUnless } from "../internal/options/options.ts"
import { preview } from "../internal/text/preview.ts"
import { handleAll } from "./events.ts"

/**
 * Options for `Cached.logEvents`.
 * @category options
 * @since 0.1.0
 */
interface LogEventsOptions {
  /**
   * Whether lines show the values, cut to 200 characters. Secrets are also shown, unless they are `Redacted`.
   * @default `false`
   */
  readonly values?: boolean | undefined
}

/**
 * Logs each event of the cache while the scope is open. A line shows the event, its id and its fields, and is annotated
 * with `cache.key` and `cache.class`. Reads never wait for the log: at most 1024 events are buffered, and beyond that
 * the oldest are lost, with a line `Lost`. If `level` is below the minimum log level, no listener is added, and events
 * cost nothing.
 *
 * **When to use**
 *
 * Use during development, to follow what a cache does.
 *
 * **Example** (Logging what a program does with its cache)
 *
 * ```ts
 * import { Effect, Layer, Logger } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const lines: Array<unknown> = []
 * const logger = Logger.make(({ message }) => lines.push(String(message)))
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * const cache = Layer.effectDiscard(Cached.logEvents("Info")).pipe(Layer.provideMerge(CacheLayer.memory()))
 * await Effect.runPromise(Effect.andThen(answer, answer).pipe(Effect.provide(cache), Effect.provide(Logger.layer([logger]))))
 * lines[0] // => "Cache: Miss \"answer\""
 * lines[2] // => "Cache: Hit \"answer\" source=memory"
 * ```
 *
 * @see `Cached.events` for the events themselves
 * @see `Cached.stats` for totals
 * @category subscriptions
 * @since 0.1.0
 */
export const logEvents = (
  level: LogLevel.Severity = "Debug",
  options: LogEventsOptions = {}
): Effect.Effect<void, never, Caching | Scope.Scope> => {
  if (!levels.has(level)) throw mistake(`Cached.logEvents needs a level: pass one of ${Array.from(levels).join(", ")}`)
  checkOptions<LogEventsOptions>("Cached.logEvents", options, checks)
  const log = Effect.logWithLevel(level)
  return Effect.flatMap(References.MinimumLogLevel, (minimum) =>
    LogLevel.isLessThan(level, minimum)
      ? Effect.void
      : handleAll<Told, never, never>(
        (caching, offer) =>
          caching.perform(
            Operations.listen,
            (event, exit) => offer([event, options.values === true ? exit : undefined])
          ),
        {
          f: ([event, exit]) => Effect.annotateLogs(log(lineOf(event, exit)), annotationsOf(event)),
          warn: (caching, _, cause) =>
            caching.perform(
              Operations.warnOnce,
              "logEvents",
              "Cached.logEvents could not log an event, and the next ones are logged as usual (see the cause; logged once)",
              { cause }
            ),
          missed: (count) => [{ _tag: "Lost", count }, undefined]
        }
      ))
}

type Told = Parameters<EventListener>

const levels: ReadonlySet<string> = new Set<LogLevel.Severity>(["Fatal", "Error", "Warn", "Info", "Debug", "Trace"])

const checks: Checks<LogEventsOptions> = {
  values: optional((values) =>
    refuseUnless(typeof values === "boolean", "values of Cached.logEvents must be true or false")
  )
}

const annotationsOf = (event: CacheEvent): { readonly [name: string]: string } => ({
  ..."id" in event ? { "cache.key": event.id } : {},
  ..."keyClass" in event && event.keyClass !== undefined ? { "cache.class": event.keyClass } : {}
})

const lineOf = (event: CacheEvent, exit: Told[1]): string => {
  const { _tag, id, keyClass: _, ...fields } = event as CacheEvent & {
    readonly id?: string
    readonly keyClass?: string
  }
  const words = Object.entries(fields).map(([name, field]) => `${name}=${wordOf(field)}`)
  const about = id === undefined ? [] : [Formatter.format(id)]
  return ["Cache:", _tag, ...about, ...words, ...exit === undefined ? [] : [shown(exit)]].join(" ")
}

const wordOf = (field: unknown): string => typeof field === "string" ? field : Formatter.format(field)

const shown = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit)
    ? `value=${preview(exit.value, loggedCharacters)}`
    : `failure=${preview(failureOf(exit), loggedCharacters)}`

/** Returns the typed failure if it is the cause's only reason, otherwise the cause itself. */
const failureOf = ({ cause }: Exit.Failure<unknown, unknown>): unknown => {
  const [reason, ...others] = cause.reasons
  return others.length === 0 && reason?._tag === "Fail" ? reason.error : cause
}
