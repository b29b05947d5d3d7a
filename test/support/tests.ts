/** Tests that are generators, in an environment of their own. */
import { it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import type { Caching } from "effect-cached"
import { type FakeStore, overFake } from "./caches.ts"

type Program<Args extends ReadonlyArray<any>, R> = (
  ...args: Args
) => Generator<Effect.Effect<any, any, R | Scope.Scope>, unknown, never>

const run = <Args extends ReadonlyArray<any>, R>(
  program: Program<Args, R>,
  layer: Layer.Layer<R, unknown>,
  ...args: Args
) => {
  // What the program opens is closed before the layer.
  const scoped = Effect.scoped(Effect.gen(() => program(...args)))
  return Effect.provide(scoped, layer) as Effect.Effect<unknown, unknown>
}

/** As `it.effect`, of programs that need what the layer provides. */
export const testIn = <R = never>(layer: Layer.Layer<R, unknown> = Layer.empty as Layer.Layer<never> as never) =>
  Object.assign((title: string, program: Program<[], R>) => it.effect(title, () => run(program, layer)), {
    /** One test of each case. */
    each: <T>(cases: ReadonlyArray<T>) => (title: string, program: Program<[T], R>) =>
      it.effect.each(cases)(title, (one) => run(program, layer, one))
  })

type OverFake = Program<[fake: FakeStore], Caching.Caching>

const overFakes = (memory: boolean) => (title: string, program: OverFake) =>
  it.effect(title, () => overFake(program, { memory }) as Effect.Effect<unknown, unknown, Scope.Scope>)

export const test = Object.assign(testIn(), { overFake: overFakes(true), withoutMemory: overFakes(false) })
