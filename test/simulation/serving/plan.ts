/** Draws programs that mean something: hot keys, and an origin that is down for spans of time. */
import { fallsBack, strategies } from "../../model/serving.ts"
import type { Dice } from "../plan.ts"
import type { Failure, Spec } from "./log.ts"

/** A time in which the origin does the same. */
export interface Span {
  readonly until: number
  readonly fails: Failure | undefined
  /** How many milliseconds its loads take at most. */
  readonly millis: number
}

export interface Reader {
  /** Some readers of an id have another `retryAfter`, or mean something else by a failure. */
  readonly spec: Spec
  /** At most that many milliseconds are between two reads. */
  readonly gap: number
}

export interface Plan {
  readonly store: "none" | "sync"
  readonly specs: ReadonlyArray<Spec>
  readonly readers: ReadonlyArray<Reader>
  readonly spans: ReadonlyMap<string, ReadonlyArray<Span>>
  readonly horizon: number
  readonly concurrency: number
  readonly yieldChance: number
  readonly writes: number
}

const drawSpec = (dice: Dice, id: string): Spec => {
  const strategy = dice.pick(strategies)
  const hasFallback = fallsBack(strategy)
  const ttl = strategy === "untilInvalidated" ? Infinity : 80 + dice.below(240)
  return {
    id,
    strategy,
    ttl,
    soft: Math.max(5, Math.floor(Math.min(ttl, 320) * dice.pick([0.1, 0.2, 0.4]))),
    hits: 1 + dice.below(5),
    beta: dice.pick([1e12, 1e-12]),
    // Well below the end.
    softTimeout: hasFallback && dice.chance(0.5) ? 2 + dice.below(10) : undefined,
    retryAfter: drawRetryAfter(dice, hasFallback),
    outages: hasFallback
      ? dice.pick(["all", "all", "tags", "function", "storeFailures"])
      : dice.pick(["all", "all", "storeFailures"])
  }
}

const drawRetryAfter = (dice: Dice, hasFallback: boolean): number =>
  hasFallback && dice.chance(0.25) ? 0 : dice.pick([15, 40, 100])

const drawReaders = (dice: Dice, spec: Spec): ReadonlyArray<Reader> =>
  Array.from({ length: 1 + dice.below(3) }, () => {
    const gap = dice.pick([8, 30, 120])
    if (!fallsBack(spec.strategy) || dice.chance(0.8)) return { spec, gap }
    const outages = spec.outages === "storeFailures" ? spec.outages : dice.pick(["all", "tags"] as const)
    return { spec: { ...spec, retryAfter: drawRetryAfter(dice, true), outages }, gap }
  })

/** Up, and then down or without the thing, over and over. */
const drawSpans = (dice: Dice, horizon: number): ReadonlyArray<Span> => {
  const spans: Array<Span> = []
  const add = (fails: Failure | undefined) => {
    const until = (spans.at(-1)?.until ?? 0) + 20 + dice.below(130)
    spans.push({ until, fails, millis: dice.chance(0.2) ? 20 + dice.below(30) : 1 + dice.below(8) })
  }
  while ((spans.at(-1)?.until ?? 0) < horizon) {
    add(undefined)
    const failures = dice.pick<ReadonlyArray<Failure>>([[], ["Down"], ["Down"], ["Gone"], ["Gone", "Down"]])
    for (const failure of failures) add(failure)
  }
  return spans
}

export const drawPlan = (dice: Dice): Plan => {
  const horizon = 600
  const ids = ["a", "b", "c"].slice(0, 2 + dice.below(2))
  const specs = ids.map((id) => drawSpec(dice, id))
  return {
    store: dice.pick(["none", "sync"]),
    specs,
    readers: specs.flatMap((spec) => drawReaders(dice, spec)),
    spans: new Map(ids.map((id) => [id, drawSpans(dice, horizon)])),
    horizon,
    concurrency: dice.pick([1, 16, 16]),
    yieldChance: dice.pick([0, 0.02, 0.1]),
    writes: dice.below(6)
  }
}

/** The end of a load that begins now. */
export const outcomeAt = (
  { spans }: Plan,
  dice: Dice,
  { at, id }: { readonly id: string; readonly at: number }
): { readonly millis: number; readonly fails: Failure | undefined } => {
  const span = spans.get(id)!.find(({ until }) => at < until)
  if (span === undefined) return { millis: 1, fails: undefined }
  const { fails, millis } = span
  // An answer now and then among outages.
  return { millis: dice.below(millis + 1), fails: fails === "Down" && dice.chance(0.1) ? "Gone" : fails }
}
