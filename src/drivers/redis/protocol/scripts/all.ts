/** Compiles all Lua scripts, by name. The server runs each script atomically. */
import { counters } from "./counters.ts"
import { entries } from "./entries.ts"
import { era } from "./era.ts"
import { guards } from "./guards.ts"
import { leases } from "./leases.ts"
import { locks } from "./locks.ts"
import { many } from "./many.ts"
import { compile, type Script, type Source } from "./script.ts"
import { tags } from "./tags.ts"
import { transact } from "./transact.ts"

const sources = (isCluster: boolean) => ({
  ...era(isCluster),
  ...entries(isCluster),
  ...leases,
  ...many(isCluster),
  ...tags(isCluster),
  ...counters,
  ...transact(isCluster),
  ...locks,
  ...guards
})

export type Name = keyof ReturnType<typeof sources>

export type Scripts = Readonly<Record<Name, Script>>

export const make = (isCluster: boolean): Scripts =>
  Object.fromEntries(
    Object.entries<Source>(sources(isCluster)).map(([name, source]) => [name, compile(source, isCluster)])
  ) as Scripts
