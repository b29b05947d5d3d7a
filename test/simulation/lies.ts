/** Answers of a store that are not of their types. */
import type { Effect } from "effect"
import type { Extras } from "./features.ts"

// none of them says what may be true, that tags were not invalidated for example
const lies: ReadonlyArray<unknown> = [
  undefined,
  null,
  42,
  NaN,
  "yes",
  {},
  [],
  [undefined],
  { _tag: "Perhaps" },
  { _tag: "Wait" },
  { _tag: "Wait", leftMillis: NaN },
  { _tag: "Wait", leftMillis: "soon" },
  // who asks to join is not to wait
  { _tag: "Wait", leftMillis: 10 },
  { _tag: "Wait", leftMillis: -1 },
  { _tag: "Wait", leftMillis: Infinity },
  { _tag: "Granted" },
  { _tag: "Granted", generation: 7 },
  { _tag: "Hit" },
  { _tag: "Hit", entry: { payload: "none", meta: {} } },
  { entry: "none", versions: [] },
  { entry: { payload: new Uint8Array(), meta: {} }, versions: [] },
  { versions: "none" },
  { seq: "none", markers: [] },
  { seq: 1, markers: "none" }
]

interface Self {
  readonly extras: Extras
  readonly healthy: boolean
}

const lieNow = ({ extras, healthy }: Self, share: number): boolean => !healthy && extras.happens("lies", share)

/** whatever they answer counts as done */
const believed = new Set(["invalidateTags", "clear"])

/** an answer, or in its place what is none */
export const orLie = <A>(self: Self, operation: string, answer: A): A =>
  believed.has(operation) || !lieNow(self, 0.1) ? answer : self.extras.dice.pick(lies) as A

/** what an operation gives, or in its place a throw, or what is no effect */
export const orThrow = <A, E>(self: Self, operation: () => Effect.Effect<A, E>): Effect.Effect<A, E> => {
  if (lieNow(self, 0.02)) throw new Error("a bug in the adapter")
  return lieNow(self, 0.02) ? ({} as Effect.Effect<A, E>) : operation()
}
