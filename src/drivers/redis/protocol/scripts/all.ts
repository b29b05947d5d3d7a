/** Compiles all Lua scripts, by name. The server runs each script atomically. */
import { apply } from "./apply.ts"
import { counters } from "./counters.ts"
import { era } from "./era.ts"
import { guards } from "./guards.ts"
import { leases } from "./leases.ts"
import { locks } from "./locks.ts"
import { compile, type Script, type Source } from "./script.ts"
import { tags } from "./tags.ts"

const sources = (isCluster: boolean) => ({
  ...era,
  ...apply(isCluster),
  ...leases(isCluster),
  ...tags(isCluster),
  ...counters,
  ...locks,
  ...guards
})

export type Name = keyof ReturnType<typeof sources>

export type Scripts = Readonly<Record<Name, Script>>

export const make = (isCluster: boolean): Scripts =>
  Object.fromEntries(
    Object.entries<Source>(sources(isCluster)).map(([name, source]) => [name, compile(source, isCluster)])
  ) as Scripts
