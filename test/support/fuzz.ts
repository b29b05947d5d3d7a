/** Bytes that a decoder has to survive: random, truncated and mutated ones. */
import { Effect, Exit } from "effect"
import type { Serializer } from "effect-cached/adapters"
import { SerializerError } from "effect-cached/CacheError"
import { expect } from "vitest"

/** Numbers below `below`, the same for the same seed. */
const randomOf = (seed: number) => {
  let state = seed + 0x9e3779b9
  return (below: number): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39)
    state ^= state >>> 15
    return (state >>> 0) % below
  }
}

/** The bytes of `good`, damaged in many ways, and bytes that have nothing to do with them. */
export const hostileBytes = function*(good: Uint8Array, count = 2000): Generator<Uint8Array> {
  const random = randomOf(good.length)
  for (let length = 0; length < Math.min(good.length, 300); length++) yield good.slice(0, length)
  for (let i = 0; i < count; i++) {
    const kind = random(4)
    if (kind === 0 || good.length === 0) {
      yield Uint8Array.from({ length: random(64) }, () => random(256))
      continue
    }
    const copy = good.slice()
    if (kind === 1) { for (let n = random(4); n >= 0; n--) copy[random(copy.length)] = random(256) }
    if (kind === 2) copy.copyWithin(random(copy.length), random(copy.length))
    yield kind === 3
      ? Uint8Array.from([...copy.slice(0, random(copy.length)), ...copy.slice(random(copy.length))])
      : copy
  }
}

/** Bytes are decoded, or they are a SerializerError, at once; no prototype is reached. */
export const survives = (codec: Serializer.Codec<any>, bytes: Iterable<Uint8Array>): void => {
  for (const given of bytes) {
    const exit = Effect.runSyncExit(codec.decode(given, "id"))
    if (Exit.isFailure(exit)) {
      const [reason] = exit.cause.reasons
      expect(reason?._tag === "Fail" && reason.error instanceof SerializerError).toBe(true)
    }
  }
  expect(Object.keys(Object.prototype)).toEqual([])
  for (const name of ["polluted", "a", "text"]) expect(name in {}).toBe(false)
}

export const valueOf = <A = any>(effect: Effect.Effect<A, unknown>): A => Effect.runSync(effect)

export const refused = Symbol("refused")

/** The value after encoding and decoding, or `refused`. */
export const roundTrip = (codec: Serializer.Codec<any>, value: unknown): unknown => {
  const exit = Effect.runSyncExit(codec.encode(value, "id"))
  if (Exit.isSuccess(exit)) return valueOf(codec.decode(exit.value, "id"))
  expect(String(exit.cause)).toContain("SerializerError")
  return refused
}
