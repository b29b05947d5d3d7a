/** Evaluates the checks and steps of `transact`, for any store. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../CacheError.ts"
import type { Counter, TransactCheck, Transacted, TransactRequest, TransactStep } from "../../ports/store.ts"
import { transaction } from "../defaults/bounds.ts"

interface Size {
  readonly steps: number
  readonly bytes: number
}

export const sizeOf = (steps: ReadonlyArray<TransactStep>): Size => {
  let bytes = 0
  for (const step of steps) if ("entry" in step) bytes += step.entry.payload.length
  return { steps: steps.length, bytes }
}

export const tooLarge = (store: string, size: Size, limits: Size = transaction): StoreError | undefined =>
  size.steps <= limits.steps && size.bytes <= limits.bytes ? undefined : new StoreError({
    store,
    operation: "transact",
    reason: "TooLarge",
    cause: new Error(
      `the transaction has ${size.steps} steps with ${size.bytes} bytes, and may have ${limits.steps} with ` +
        `${limits.bytes}: split it`
    )
  })

export const unlessTooLarge = (
  store: string,
  { steps }: TransactRequest,
  run: () => Effect.Effect<Transacted, StoreError>
): Effect.Effect<Transacted, StoreError> =>
  Effect.suspend(() => {
    const refusal = tooLarge(store, sizeOf(steps))
    return refusal === undefined ? run() : Effect.fail(refusal)
  })

type EntryCheck = Extract<TransactCheck, { readonly _tag: "Entry" }>

interface Present {
  readonly holds: (check: EntryCheck) => boolean
  readonly counter: (name: string) => Counter | undefined
  readonly position: () => string | undefined
}

export const conflictOf = (
  checks: ReadonlyArray<TransactCheck>,
  { counter, holds, position }: Present
): Extract<Transacted, { readonly _tag: "Conflict" }> | undefined => {
  const ids = new Set<string>()
  const names = new Set<string>()
  let hasMoved = false
  for (const check of checks) {
    if (check._tag === "Entry") {
      if (!holds(check)) ids.add(check.id)
    } else if (check._tag === "Counter") {
      if (counter(check.name)?.value !== check.value) names.add(check.name)
    } else if (position() !== check.position) hasMoved = true
  }
  return ids.size > 0 || names.size > 0 || hasMoved
    ? { _tag: "Conflict", ids: Array.from(ids), names: Array.from(names) }
    : undefined
}

interface CounterChanges {
  readonly clear: boolean
  /** The counters after the steps, by name. `undefined` means that the counter is removed. */
  readonly counters: ReadonlyMap<string, Counter | undefined>
}

/** Computes how the steps change counters. Returns an error, before any write, if a sum is not a safe integer. */
export const counterChanges = (
  store: string,
  steps: ReadonlyArray<TransactStep>,
  live: (name: string) => Counter | undefined
): CounterChanges | StoreError => {
  const counters = new Map<string, Counter | undefined>()
  let clear = false
  const present = (name: string) => counters.has(name) ? counters.get(name) : clear ? undefined : live(name)
  for (const step of steps) {
    switch (step._tag) {
      case "Increment": {
        const { by, expiresAt = Infinity, name } = step
        const counter = present(name)
        const value = (counter?.value ?? 0) + by
        if (!Number.isSafeInteger(value)) return new StoreError({ store, operation: "increment", reason: "OutOfRange" })
        if (by !== 0) counters.set(name, { value, expiresAt: counter?.expiresAt ?? expiresAt })
        break
      }
      case "TouchCounter": {
        const counter = present(step.name)
        if (counter !== undefined) counters.set(step.name, { value: counter.value, expiresAt: step.expiresAt })
        break
      }
      case "RemoveCounter":
        counters.set(step.name, undefined)
        break
      case "Clear":
        clear = true
        counters.clear()
    }
  }
  return { clear, counters }
}

type Of = ReadonlyArray<TransactCheck | TransactStep>

export const idsOf = (...parts: ReadonlyArray<Of>): ReadonlyArray<string> =>
  Array.from(new Set(parts.flatMap((part) => part.flatMap((one) => "id" in one ? [one.id] : []))))

export const namesOf = ({ checks, steps }: TransactRequest): ReadonlyArray<string> =>
  Array.from(new Set([...checks, ...steps].flatMap((one) => "name" in one ? [one.name] : [])))
