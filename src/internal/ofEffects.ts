/** Classes whose instances are effects. */
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"

/** Makes the instances of a class effects. A base class would add a constructor to each of them. */
export const ofEffects = <C extends new(...args: never) => object>(constructor: C, options: {
  readonly label: string
  readonly evaluate: (this: InstanceType<C>, fiber: Fiber.Fiber<any, any>) => Effect.Effect<any, any, any>
}): C => {
  Object.setPrototypeOf(
    constructor.prototype,
    Effectable.Prototype(options as Parameters<typeof Effectable.Prototype>[0])
  )
  return constructor
}
