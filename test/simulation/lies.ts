/** Answers of a store that are not of their types. */
import { Effect } from "effect"
import type { Store } from "effect-cached/adapters"
import type { Extras } from "./features.ts"

// None of them claims something that may be true, for example that tags were not invalidated.
const lone: ReadonlyArray<unknown> = [
  undefined,
  null,
  42,
  NaN,
  "yes",
  {},
  [],
  { _tag: "Perhaps" },
  { _tag: "Wait" },
  { _tag: "Wait", leftMillis: NaN },
  { _tag: "Wait", leftMillis: "soon" },
  // A request with `join` is not to wait.
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

const lies = lone.flatMap((lie) => [lie, [lie]])

interface Self {
  readonly extras: Extras
  readonly healthy: boolean
}

const lieNow = ({ extras, healthy }: Self, share: number): boolean => !healthy && extras.happens("lies", share)

/** Any answer to these counts as done. */
const believed = new Set(["invalidateTags", "clear"])

/** An answer, or in its place what is none. */
export const orLie = <A>(self: Self, operation: string, answer: A): A =>
  believed.has(operation) || !lieNow(self, 0.1) ? answer : self.extras.dice.pick(lies) as A

/** Answers that are not a list of changes. */
const changes: ReadonlyArray<unknown> = [undefined, null, 42, "none", {}, [null], [{ _tag: "Perhaps" }]]

/** A poll that reports no changes: the next one reports them. */
export const lieOfChanges = (self: Self): { readonly told: never } | undefined =>
  lieNow(self, 0.05) ? { told: self.extras.dice.pick(changes) as never } : undefined

/** A store whose answers are no answers at times. */
export const lying = (self: Self, store: Store.Store): Store.Store => {
  const wrap = <A, E>(operation: string, ask: () => Effect.Effect<A, E>): Effect.Effect<A, E> =>
    orThrow(self, () => Effect.map(ask(), (answer) => orLie(self, operation, answer)))
  return {
    ...store,
    get: (id, tags) => wrap("get", () => store.get(id, tags)),
    getMany: (ids) => wrap("get", () => store.getMany(ids)),
    touch: (id, options) => wrap("touch", () => store.touch(id, options)),
    set: (requests) => wrap("set", () => store.set(requests)),
    remove: (ids) => wrap("remove", () => store.remove(ids)),
    acquire: (requests) => wrap("acquire", () => store.acquire(requests)),
    commit: (requests) => wrap("commit", () => store.commit(requests)),
    renew: (ids, ...asked) => wrap("renew", () => store.renew(ids, ...asked)),
    release: (id, owner, note) => wrap("release", () => store.release(id, owner, note)),
    markers: (tags) => wrap("markers", () => store.markers(tags)),
    ...store.getUnsafe === undefined
      ? {}
      : { getUnsafe: (id, tags) => orLie(self, "get", store.getUnsafe!(id, tags)) }
  }
}

/** The result of an operation, or in its place a throw or a value that is not an effect. */
export const orThrow = <A, E>(self: Self, operation: () => Effect.Effect<A, E>): Effect.Effect<A, E> => {
  if (lieNow(self, 0.02)) throw new Error("a bug in the adapter")
  return lieNow(self, 0.02) ? ({} as Effect.Effect<A, E>) : operation()
}
