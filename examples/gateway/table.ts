/** The counts of upstream and clients, without the cache and with it. */
import type { Clients } from "./load.ts"
import type { Seen } from "./upstream.ts"

export interface Outcome {
  readonly upstream: Seen
  readonly clients: Clients
}

const line = (name: string, ...cells: ReadonlyArray<string | number>) =>
  (name.padEnd(34) + cells.map((cell) => `${cell}`.padStart(14)).join("")).trimEnd()

export const table = (without: Outcome, cached: Outcome): string => {
  const row = (name: string, of: (outcome: Outcome) => number) => line(name, of(without), of(cached))
  return [
    line("", "without cache", "with cache"),
    row("upstream: requests", ({ upstream }) => upstream.requests),
    row("  refused, above its limit (429)", ({ upstream }) => upstream.refused),
    row("  failed, it is down (503)", ({ upstream }) => upstream.failed),
    row("clients: requests", ({ clients }) => clients.requests),
    row("  answered", ({ clients }) => clients.answered),
    row("  failed", ({ clients }) => clients.failed)
  ].join("\n")
}
