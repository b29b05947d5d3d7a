/** Keeps the state of guards in the memory of this process. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { GuardStore } from "../../ports/guardStore.ts"
import { guards } from "../defaults/guards.ts"
import { monotonicMillis } from "../time/monotonic.ts"

interface Kept {
  readonly state: unknown
  readonly expiresAt: number
}

interface States {
  readonly byName: Map<string, Kept>
  /** Iterates over all states again and again. Each new state advances it by a few states, to remove expired ones. */
  sweep: Iterator<[string, Kept]>
}

/** The time for states that no other process sees. It is monotonic, because the wall clock may be changed. */
export const nowOf = (clock: Clock.Clock): number => Math.floor(monotonicMillis(clock))

export interface MemoryGuards extends GuardStore {
  readonly runUnsafe: NonNullable<GuardStore["runUnsafe"]>
}

export const make = (capacity: number = guards.states): MemoryGuards => {
  const kinds = new Map<string, States>()
  const filters = new Map<string, Map<number, Uint8Array>>()
  const runUnsafe: MemoryGuards["runUnsafe"] = (kind, name, input, now) => {
    let states = kinds.get(kind.name)
    if (states === undefined) kinds.set(kind.name, states = statesOf(new Map()))
    const kept = states.byName.get(name)
    const before = kept === undefined || kept.expiresAt <= now ? undefined : kept.state
    const { answer, expiresAt, state } = kind.step(before as Parameters<typeof kind.step>[0], now, input)
    if (state === undefined) {
      if (kept !== undefined) states.byName.delete(name)
    } else {
      if (kept === undefined) makeRoom(states, now, capacity)
      states.byName.set(name, { state, expiresAt })
    }
    return answer
  }
  return {
    name: "memory",
    runUnsafe,
    run: (kind, name, input) =>
      Effect.clockWith((clock) => Effect.sync(() => runUnsafe(kind, name, input, nowOf(clock)))),
    readBits: (filter, numbers) =>
      Effect.sync(() => {
        const blocks = filters.get(filter)
        return numbers.map((number) => blocks?.get(number))
      }),
    mergeBits: (filter, blocks) =>
      Effect.sync(() => {
        const stored = filters.get(filter) ?? new Map<number, Uint8Array>()
        filters.set(filter, stored)
        return blocks.map(({ bytes, number }) => {
          const merged = merge(stored.get(number), bytes)
          stored.set(number, merged)
          return merged
        })
      }),
    removeBits: (filter) => Effect.sync(() => void filters.delete(filter))
  }
}

const statesOf = (byName: Map<string, Kept>): States => ({ byName, sweep: byName.entries() })

/** Removes a few expired states. Each new state triggers enough checks to keep the number of expired states small. */
const makeRoom = (states: States, now: number, capacity: number): void => {
  const { byName } = states
  for (let looked = 0; looked < guards.looksOfNew && byName.size > 0; looked++) {
    let next = states.sweep.next()
    if (next.done === true) next = (states.sweep = byName.entries()).next()
    const [name, { expiresAt }] = next.value as [string, Kept]
    if (expiresAt <= now) byName.delete(name)
  }
  // Forgetting the state of a limit admits more calls, but without this bound, the process could run out of memory.
  if (byName.size >= capacity) byName.delete(byName.keys().next().value!)
}

/**
 * Parses a stored state. It counts as missing if no step can have written it: if it is no JSON, or has a negative or
 * infinite number.
 */
export const parse = <State>(text: string): State | undefined => {
  try {
    return JSON.parse(text, (_, value: unknown) => {
      if (typeof value === "number" && !(value >= 0 && value < Infinity)) throw value
      return value
    }) as State
  } catch {
    return undefined
  }
}

/** Combines the bits of two blocks in new bytes. Stored bytes are never mutated. */
export const merge = (stored: Uint8Array | undefined, bytes: Uint8Array): Uint8Array => {
  const merged = bytes.slice()
  const size = Math.min(merged.length, stored?.length ?? 0)
  for (let i = 0; i < size; i++) merged[i]! |= stored![i]!
  return merged
}
