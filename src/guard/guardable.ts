/**
 * The values that a guard accepts: effects and streams.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { insteadOfEffect } from "../internal/options/given.ts"
import { mistake } from "../internal/options/options.ts"

/**
 * The effects and streams that guards accept.
 * @category models
 * @since 0.1.0
 */
export type Guardable = Effect.Effect<any, any, any> | Stream.Stream<any, any, any>

/**
 * The effects and streams with these success and error types, for guards that inspect outcomes.
 * @category models
 * @since 0.1.0
 */
export type GuardsOf<A, E> = Effect.Effect<A, E, any> | Stream.Stream<any, E, any>

/**
 * The success type of an effect, or `void` for a stream.
 * @category models
 * @since 0.1.0
 */
export type SuccessOf<Self> = Self extends Effect.Effect<infer A, any, any> ? A
  : Self extends Stream.Stream<any, any, any> ? void
  : never

/**
 * The error type of an effect or stream.
 * @category models
 * @since 0.1.0
 */
export type ErrorOf<Self> = Self extends Effect.Effect<any, infer E, any> ? E
  : Self extends Stream.Stream<any, infer E, any> ? E
  : never

/**
 * The type of a guarded effect or stream, which may also fail with `Failure` and no longer requires `Provided`.
 * @category models
 * @since 0.1.0
 */
export type Guarded<Self, Failure, Provided = never> = Self extends Effect.Effect<infer A, infer E, infer R>
  ? Effect.Effect<A, E | Failure, Exclude<R, Provided>>
  : Self extends Stream.Stream<infer A, infer E, infer R> ? Stream.Stream<A, E | Failure, Exclude<R, Provided>>
  : never

/** @internal */
export type AnyEffect = Effect.Effect<unknown, unknown, unknown>

/** @internal */
export type AnyStream = Stream.Stream<unknown, unknown, unknown>

/** Creates a guard with data-first and data-last signatures. Its options are checked immediately. @internal */
export const guard = <Options, Checked>(
  check: (options: Options) => Checked,
  onEffect: (self: AnyEffect, options: Checked) => AnyEffect,
  onStream: (self: AnyStream, options: Checked) => AnyStream
): any => {
  const apply = (self: unknown, options: Checked): unknown => {
    if (Effect.isEffect(self)) return onEffect(self as AnyEffect, options)
    if (Stream.isStream(self)) return onStream(self, options)
    throw mistake(`A guard needs an effect or a stream, not ${insteadOfEffect(self)}`)
  }
  return (...args: [unknown] | [unknown, Options]) => {
    if (args.length > 1) return apply(args[0], check(args[1] as Options))
    const checked = check(args[0] as Options)
    return (self: unknown) => apply(self, checked)
  }
}
