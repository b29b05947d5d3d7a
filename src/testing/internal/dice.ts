/** Random draws that a seed repeats. */
import type * as Random from "effect/Random"
import { mistake } from "../../internal/options/options.ts"

/** A generator of random numbers (Mulberry32). It is good enough for tests, but not for secrets. */
export const dice = (seed: number): Random.Random => {
  if (!Number.isSafeInteger(seed)) throw mistake(`A seed must be a whole number, not ${seed}`)
  let state = Math.imul(seed ^ (seed >>> 16), 0x45d9f3b)
  const nextDoubleUnsafe = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  return {
    nextDoubleUnsafe,
    nextIntUnsafe: () => Math.floor((nextDoubleUnsafe() - 0.5) * 2 * Number.MAX_SAFE_INTEGER)
  }
}
