/**
 * Makes tokens: random names for writes, for the owners and generations of leases, and for the versions of tags. They
 * never come from the program's `Random`, which repeats itself under `Random.withSeed`: two writes could then share a
 * name, and two processes could own one lease.
 */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { sixteenToHex, toHex } from "./codec/bytes.ts"

export interface Tokens {
  /** Returns `size` random bytes (a multiple of 4, at most 32) as lower-case hexadecimal digits. */
  readonly next: (size: number) => string
  /** Returns a random 32-bit integer, to seed another generator. */
  readonly word: () => number
}

const longest = 32

type Draw = () => Uint32Array

const drawOfPlatform: Draw = () => crypto.getRandomValues(new Uint32Array(4))

/** The source of random bits: the platform. `SeededScheduler` replaces it, so that its runs can be repeated. */
export const Seed: Context.Reference<Draw> = Context.Reference<Draw>("effect-cached/internal/token/Seed", {
  defaultValue: () => drawOfPlatform
})

/** Makes random bits from a function that returns numbers from 0 up to 1, like `Math.random`. */
export const drawWith = (random: () => number): Draw => () =>
  Uint32Array.from({ length: 4 }, () => random() * 0x1_0000_0000)

/**
 * The generator xoshiro128** by Blackman and Vigna (https://prng.di.unimi.it/xoshiro128starstar.c). Four words in a row
 * determine its whole state, so no 16-byte token repeats within its period. It is seeded when it makes its first token,
 * because some platforms have no random bits while modules are loaded.
 */
export const make = (draw: Draw): Tokens => {
  let state: Uint32Array | undefined
  const word = (): number => {
    const s = state ??= started(draw)
    const times5 = Math.imul(s[1]!, 5)
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0
    const shifted = s[1]! << 9
    s[2]! ^= s[0]!
    s[3]! ^= s[1]!
    s[1]! ^= s[2]!
    s[0]! ^= s[3]!
    s[2]! ^= shifted
    s[3] = (s[3]! << 11) | (s[3]! >>> 21)
    return result
  }
  const bytes = new Uint8Array(longest)
  return {
    word,
    next: (size) => {
      for (let i = 0; i < size; i += 4) {
        const next = word()
        bytes[i] = next >>> 24
        bytes[i + 1] = next >>> 16
        bytes[i + 2] = next >>> 8
        bytes[i + 3] = next
      }
      return size === 16 ? sixteenToHex(bytes, 0) : toHex(bytes, 0, size)
    }
  }
}

/** Makes a store's generator. Stores are made outside of fibers, so the first fiber that needs a token seeds it. */
export const lazily = (): (fiber: Fiber.Fiber<any, any>) => Tokens => {
  let tokens: Tokens | undefined
  return (fiber) => tokens ??= make(fiber.getRef(Seed))
}

const started = (draw: Draw): Uint32Array => {
  const state = draw()
  // A state of only zeros would produce zeros forever.
  if (state.every((word) => word === 0)) state[0] = 1
  return state
}
