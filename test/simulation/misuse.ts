/** User functions that throw, and invalid options: their kinds, the readers that have them, and their effects. */
import type { Strategy } from "effect-cached"
import type { Eviction } from "effect-cached/adapters"
import type { Extras, Feature } from "./features.ts"
import { type Kind, type Misuse, type Spec, Thrown, type Value } from "./model.ts"
import type { World } from "./state.ts"

const ofReads = [
  "decide",
  "options",
  "fallbackOn",
  "copy",
  "when",
  "lifetime",
  "words",
  "touch"
] as const satisfies ReadonlyArray<Feature>

const durations = ["timeout", "softTimeout", "retryAfter", "minLoad", "memoryTtl", "strategy"] as const

/** The misuse of a read. */
export const drawMisuse = ({ dice, features }: Extras, { kind }: Spec): Misuse | undefined => {
  const choices = ofReads.filter((name) => features.has(name) && canHave(name, kind))
  if (choices.length === 0 || !dice.chance(0.3)) return undefined
  return { of: dice.pick(choices), option: dice.pick(durations), share: dice.pick([0.2, 1]) }
}

const canHave = (name: typeof ofReads[number], kind: Kind): boolean => {
  if (name === "touch") return kind === "sliding"
  return name !== "fallbackOn" || kind === "softTtl" || kind === "failover"
}

/** Whether what it throws may end the read whose it is. */
export const endsRead = ({ of }: Misuse): boolean =>
  of === "decide" || of === "fallbackOn" || of === "copy" || of === "options"

/** Whether it may be refused before it waits for a load. */
export const mayBeRefused = ({ misuse }: Spec): boolean => misuse?.of === "decide" || misuse?.of === "options"

/** Whether no result of a load of that read may be stored. */
export const keepsOut = ({ misuse }: Spec): boolean =>
  misuse?.of === "when" || misuse?.of === "lifetime" || misuse?.of === "words"

/** Whether it is one of a user's own strategy. */
export const needsStrategy = ({ misuse }: Spec): boolean =>
  misuse?.of === "decide" || misuse?.of === "lifetime" || misuse?.of === "words" || misuse?.of === "touch" ||
  (misuse?.of === "options" && misuse.option === "strategy")

interface Self {
  readonly world: World
  readonly extras: Extras
}

/** Throws an error that names its origin. */
export const throwFor = ({ world }: Self, of: Thrown["of"], owner: Misuse | undefined): never => {
  const thrown = new Thrown(world.seq, of, owner)
  world.say(() => `${of} throws`)
  throw thrown
}

/** A result that is not stored because of it is counted, once for each. */
export const throwAboutResult = (self: Self, of: Thrown["of"], owner: Misuse | undefined): never => {
  self.world.counts.notStored++
  return throwFor(self, of, owner)
}

const isTimeout = (option: Misuse["option"]): boolean => option === "timeout" || option === "softTimeout"

/** The options of a read that are wrong. */
export const wrongOptions = (self: Self, { byFunction, misuse }: Spec): object => {
  const { dice } = self.extras
  switch (misuse?.of) {
    case "options":
      if (misuse.option === "strategy") return { retryAfter: undefined }
      return { [misuse.option]: byFunction === true && isTimeout(misuse.option) ? () => "soon" : "soon" }
    case "fallbackOn":
      return {
        fallbackOn: () => dice.chance(misuse.share) ? throwFor(self, "fallbackOn", misuse) : true
      }
    case "copy":
      return {
        copy: (value: Value) => {
          if (!dice.chance(misuse.share)) return { ...value }
          self.world.counts.uncopied++
          return throwFor(self, "copy", misuse)
        }
      }
    default:
      return {}
  }
}

/** A strategy that is wrong. */
export const wrongStrategy = (
  self: Self,
  { misuse }: Spec,
  strategy: Strategy.Strategy
): Strategy.Strategy => {
  const { dice } = self.extras
  switch (misuse?.of) {
    case "options":
      return misuse.option === "strategy" ? { ...strategy, retryAfter: "soon" as never } : strategy
    case "decide":
      return {
        ...strategy,
        decide: (...input) => {
          if (!dice.chance(misuse.share)) return strategy.decide(...input)
          return dice.chance(0.7) ? throwFor(self, "decide", misuse) : "Perhaps" as never
        }
      }
    case "lifetime":
      return { ...strategy, lifetime: () => throwAboutResult(self, "lifetime", misuse) }
    case "words":
      return {
        ...strategy,
        lifetime: () => {
          self.world.counts.notStored++
          return dice.pick([{ ttl: "1 hour", softTtl: "1 minute" }, { ttl: 1000 }, undefined, "soon"]) as never
        }
      }
    case "touch":
      return {
        ...strategy,
        touch: (...input) => {
          if (!dice.chance(misuse.share)) return strategy.touch!(...input)
          return dice.chance(0.5) ? throwFor(self, "touch", misuse) : dice.pick([NaN, "soon", undefined]) as never
        }
      }
    default:
      return strategy
  }
}

/** An eviction policy that throws, before it has done anything or after, and names what is not there. */
export const wrongEviction = (self: Self, { make }: Eviction.Eviction): Eviction.Eviction => ({
  name: "wrong",
  make: (options) => {
    const policy = make(options)
    const { dice } = self.extras
    const stranger: Eviction.Node = { id: "stranger", previous: undefined, next: undefined }
    const wrong = <Args extends ReadonlyArray<Eviction.Node>, A>(run: (...args: Args) => A) => (...args: Args): A => {
      if (dice.chance(0.1)) throwFor(self, "eviction", undefined)
      const answer = run(...args)
      if (dice.chance(0.1)) throwFor(self, "eviction", undefined)
      return answer
    }
    return {
      added: wrong(policy.added),
      read: wrong(policy.read),
      removed: wrong(policy.removed),
      victim: () => dice.chance(0.2) ? dice.pick([stranger, undefined]) : wrong(policy.victim)(),
      ...policy.replaced === undefined ? {} : { replaced: wrong(policy.replaced) }
    }
  }
})
