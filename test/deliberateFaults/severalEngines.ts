/** Deliberate faults that seeded schedules of several engines on one store find. */
import type { Fault } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = [
  {
    name: "changes are not applied",
    in: "poll",
    find: "for (const change of changes) applyChange(self, tier, change)",
    replace: "void changes.length"
  },
  { name: "gaps are ignored", in: "applyChange", find: `case "Gap":`, replace: "" },
  {
    name: "leases are not asked for",
    sought: "always",
    in: "acquireLease",
    find: "optionOf(self, request, \"lease\") ?? store.capabilities.shared",
    replace: "optionOf(self, request, \"lease\") ?? false"
  },
  {
    name: "leases are not exclusive",
    in: "make",
    find: "if (left === 0 || lease.owner === options.owner) {",
    replace: "if (left < Infinity || lease.owner === options.owner) {"
  },
  {
    name: "pending invalidations are not respected",
    in: "isPending",
    find: "self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))",
    replace: "self.all !== undefined && (self.ids.size > 0 && self.ids.has(id))"
  },
  {
    name: "two processes make the same tokens",
    in: "make",
    find: "tokens: Tokens.make(Context.get(context, Tokens.Seed)),",
    replace: "tokens: Tokens.make(() => Uint32Array.of(1, 2, 3, 4)),"
  },
  {
    name: "waits for ever",
    in: "joinOf",
    find: "waitMillis !== undefined && waitedMillis >= waitMillis",
    replace: "waitMillis !== undefined && waitedMillis >= waitMillis * 1000"
  },
  {
    name: "what has ended is stored",
    in: "make",
    find: "if (!leases.isCurrent(id, generation, now)) return false",
    replace: ""
  }
]
