/** How a cache over a store shows ids while it is built. Afterwards, the engine has its own disguise. */
import * as Context from "effect/Context"
import type { Disguise } from "./telemetry.ts"

export const GivenDisguise = Context.Reference<Disguise | undefined>("effect-cached/GivenDisguise", {
  defaultValue: () => undefined
})
