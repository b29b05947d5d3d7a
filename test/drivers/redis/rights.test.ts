/** The script of rights tries each command that a script of stores and locks uses. */
import { expect, it } from "@effect/vitest"
import * as Scripts from "../../../src/drivers/redis/protocol/scripts/all.ts"
import { guards } from "../../../src/drivers/redis/protocol/scripts/guards.ts"

it.each([false, true])("tries all commands (cluster: %s)", (isCluster) => {
  const used = new Set<string>()
  const { rights, ...others } = Scripts.make(isCluster)
  for (const [name, { source }] of Object.entries(others)) {
    if (name in guards) continue
    for (const [, command] of source.matchAll(/redis\.p?call\("([A-Z]+)"|(?:ownOf)\("([A-Z]+)"/g)) {
      if (command) used.add(command)
    }
  }
  // If it is refused, changes are looked for as without it.
  used.delete("PUBLISH")
  const tried = new Set(Array.from(rights.source.matchAll(/try\("([A-Z]+)"/g), ([, command]) => command!))
  expect(used.size).toBeGreaterThan(10)
  expect([...used].filter((command) => !tried.has(command))).toEqual([])
})
