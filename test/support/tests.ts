/** Tests that are generators, in an environment of their own. */
import { it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import type { Caching } from "effect-cached"
import { type FakeStore, overFake, within } from "./caches.ts"

type Program<Args extends ReadonlyArray<any>, R> = (
  ...args: Args
) => Generator<Effect.Effect<any, any, R | Scope.Scope>, unknown, never>

type Runner<R> = <Args extends ReadonlyArray<any>>(
  program: Program<Args, R>,
  ...args: Args
) => Effect.Effect<unknown, unknown, Scope.Scope>

const testsBy = <R>(run: Runner<R>) => {
  const by = (tester: typeof it.effect) =>
    Object.assign((title: string, program: Program<[], R>) => tester(title, () => run(program)), {
      /** One test of each case. */
      each: <T>(cases: ReadonlyArray<T>) => (title: string, program: Program<[T], R>) =>
        tester.each(cases)(title, (one) => run(program, one))
    })
  return Object.assign(by(it.effect), { live: by(it.live as typeof it.effect) })
}

/** The layer is closed after all that the program opens. */
const runIn = <R>(layer: Layer.Layer<R, unknown>): Runner<R> => (program, ...args) =>
  Effect.provide(Effect.scoped(Effect.gen(() => program(...args))), layer) as Effect.Effect<unknown, unknown>

/** As `it.effect`, and `it.live`, of programs that need what the layer provides. */
export const testIn = <R = never>(layer: Layer.Layer<R, unknown> = Layer.empty as Layer.Layer<never> as never) =>
  testsBy(runIn(layer))

/** In a cache that is closed while the clock moves on. */
export const testWithin = (layer: Layer.Layer<Caching.Caching>) =>
  testsBy<Caching.Caching>((program, ...args) =>
    within(layer, Effect.scoped(Effect.gen(() => program(...args)))) as Effect.Effect<unknown, unknown>
  )

/** As `it.effect`, of programs over something that is made for each of them. */
export const testWith =
  <Made, R>(make: () => Made, layerOf: (made: Made) => Layer.Layer<R, unknown>) =>
  (title: string, program: Program<[made: Made], R>) =>
    it.effect(title, () => {
      const made = make()
      return runIn(layerOf(made))(program, made)
    })

type OverFake = Program<[fake: FakeStore], Caching.Caching>

const overFakes = (memory: boolean) => (title: string, program: OverFake) =>
  it.effect(title, () => overFake(program, { memory }) as Effect.Effect<unknown, unknown, Scope.Scope>)

export const test = Object.assign(testIn(), { overFake: overFakes(true), withoutMemory: overFakes(false) })
