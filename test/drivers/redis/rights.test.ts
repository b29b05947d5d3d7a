/** Each command that a script of stores and locks uses is tried when connecting. */
import { expect, it } from "@effect/vitest"
import * as Keys from "../../../src/drivers/redis/protocol/keys.ts"
import * as Scripts from "../../../src/drivers/redis/protocol/scripts/all.ts"
import { guards } from "../../../src/drivers/redis/protocol/scripts/guards.ts"
import { rightsOf } from "../../../src/drivers/redis/rights.ts"

it.each([false, true])("tries all commands (cluster: %s)", (isCluster) => {
  const used = new Set<string>()
  for (const [name, { source }] of Object.entries(Scripts.make(isCluster))) {
    if (name in guards) continue
    for (const [, command, own] of source.matchAll(/redis\.p?call\("([A-Z]+)"|(?:ownOf)\("([A-Z]+)"/g)) {
      used.add(command ?? own!)
    }
  }
  // It is tried by the greeting itself.
  used.delete("TIME")
  const tried = new Set(rightsOf(Keys.make("p"), { isCluster, replicas: 0 }).map(([command]) => command!))
  expect(used.size).toBeGreaterThan(10)
  expect([...used].filter((command) => !tried.has(command))).toEqual([])
})
