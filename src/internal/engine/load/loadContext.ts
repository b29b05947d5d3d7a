/** The context of a load: the context of the fiber that started it, except for a few references. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { CurrentLogAnnotations } from "effect/References"
import { Within } from "../request/attempt.ts"
import * as Policy from "../request/callPolicy.ts"
import type { Flight, ReadContext, SharedContext } from "../state.ts"
import { annotationsOf } from "../telemetry/log.ts"

/**
 * | reference | in a load |
 * |---|---|
 * | `Within` | this load |
 * | `CachePolicy` | the standard policy, because the result is for all callers, but with the starter's detector |
 * | the job of a pipeline | none: the reads of a load are not its rows (`inScope`) |
 * | `Effect.Transaction` | none: other callers wait for this load, and one caller's transaction may be rolled back |
 * | log annotations | the annotations of the starter, and those of this key |
 * | `Scope` | its own, closed when the load ends (`inScope`) |
 * | what `Cached.make` has captured | that, in place of what the starter has |
 * | the parent span | a root span, linked to the callers' spans (`traced`) |
 */
export const loadContext = (flight: Flight): Context.Context<never> => {
  const { attempt, engine, id, request: { key, provide = identity }, starter } = flight
  const { annotations, context } = starter.shared ??= shared(starter)
  const about = annotationsOf(engine, { id, key })
  return provide(Context.add(
    Context.add(context, CurrentLogAnnotations, annotations === undefined ? about : { ...annotations, ...about }),
    Within,
    attempt
  ))
}

const shared = ({ context }: ReadContext): SharedContext => {
  const { "cache.class": _, "cache.key": __, ...annotations } = Context.get(context, CurrentLogAnnotations)
  return {
    context: withoutTransaction(withStandardPolicy(context)),
    annotations: Object.keys(annotations).length === 0 ? undefined : annotations
  }
}

// Every load runs under the standard policy, but the context in which it was started may have another policy.
const withStandardPolicy = (context: Context.Context<never>): Context.Context<never> => {
  const policy = Context.get(context, Policy.Current)
  if (policy === Policy.standard) return context
  return Context.add(
    context,
    Policy.Current,
    policy.detector === undefined ? Policy.standard : Policy.detecting(policy)
  )
}

const withoutTransaction = (context: Context.Context<never>): Context.Context<never> =>
  Context.getOrUndefined(context as Context.Context<Effect.Transaction>, Effect.Transaction) === undefined
    ? context
    : Context.omit(Effect.Transaction)(context) as Context.Context<never>
