/**
 * Tokens: random names of writes, of the owners and generations of leases, and of the versions of tags. They never come
 * from the `Random` of the program, which repeats itself under `Random.withSeed`: two writes would share a name, and
 * two processes would own one lease.
 */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { toHex } from "./codec/bytes.ts"

export interface Tokens {
  /** `size` random bytes (a multiple of 4) as lower-case hexadecimal digits. */
  readonly next: (size: number) => string
  /** A random integer of 32 bits, to seed something else. */
  readonly word: () => number
}

type Draw = () => Uint32Array

const drawOfPlatform: Draw = () => crypto.getRandomValues(new Uint32Array(4))

/** The source of random bits: the platform, unless a seeded schedule must be repeatable. */
export const Seed: Context.Reference<Draw> = Context.Reference<Draw>("effect-cached/internal/token/Seed", {
  defaultValue: () => drawOfPlatform
})

/** Bits made from numbers between 0 and 1, which a program provides. */
export const drawWith = (random: () => number): Draw => () =>
  Uint32Array.from({ length: 4 }, () => random() * 0x1_0000_0000)

/**
 * xoshiro128** of Blackman and Vigna (https://prng.di.unimi.it/xoshiro128starstar.c). Four of its words reveal its
 * whole state, so it makes no token of 16 bytes twice. Seeded by its first token: some platforms have no random bits
 * while modules are loaded.
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
  return {
    word,
    next: (size) => {
      const bytes = new Uint8Array(size)
      for (let i = 0; i < size; i += 4) {
        const next = word()
        bytes[i] = next >>> 24
        bytes[i + 1] = next >>> 16
        bytes[i + 2] = next >>> 8
        bytes[i + 3] = next
      }
      return toHex(bytes, 0, size)
    }
  }
}

/** The generator of a store, which is made outside of any fiber: the first fiber that needs it provides the seed. */
export const lazily = (): (fiber: Fiber.Fiber<any, any>) => Tokens => {
  let tokens: Tokens | undefined
  return (fiber) => tokens ??= make(fiber.getRef(Seed))
}

const started = (draw: Draw): Uint32Array => {
  const state = draw()
  // A state of zeros would produce zeros forever.
  if (state.every((word) => word === 0)) state[0] = 1
  return state
}
