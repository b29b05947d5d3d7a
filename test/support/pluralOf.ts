/** Makes operations of stores from what they do for one id. */
import type { Store } from "effect-cached/adapters"
import { atOnce, each } from "../../src/internal/store/many.ts"
import type { Singly } from "../../src/testing/internal/singly.ts"

type One<Name extends keyof Singly> = Singly[Name]

export const pluralOf = {
  set: (one: One<"set">): Store.Store["set"] => (requests) =>
    atOnce(requests, ({ condition, entry, id }) => one(id, entry, condition)),
  remove: (one: One<"remove">): Store.Store["remove"] => (ids) => each(ids, (id) => one(id)),
  acquire: (one: One<"acquire">): Store.Store["acquire"] => (requests) =>
    atOnce(requests, (request) => one(request.id, request)),
  commit: (one: One<"commit">): Store.Store["commit"] => (requests) =>
    atOnce(requests, ({ entry, generation, id }) => one(id, generation, entry)),
  renew: (one: One<"renew">): Store.Store["renew"] => (ids, ...rest) => atOnce(ids, (id) => one(id, ...rest))
}
