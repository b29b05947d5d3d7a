/**
 * Runs the suite of https://cache-tests.fyi with this cache, as a client and in front of a server, and with undici's,
 * Varnish and nginx, where they are installed (`apt-get install varnish nginx-light`).
 *
 *     npm run prove -- cache-tests                the pinned package, which `.ci/setup` installs
 *     npm run prove -- cache-tests --suite PATH   a checkout of the repository, which has moved on
 */
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { pathTo } from "../../support/needs.ts"
import { inCheckout, inPackage } from "./known.ts"
import { commandOf, type Program } from "./proxies.ts"
import { pinned } from "./suite.ts"
import { notPassed, type Outcome, runOne, runs, table } from "./table.ts"

const { values: { suite } } = parseArgs({ options: { suite: { type: "string", default: pinned } } })

const known = new Set(suite === pinned ? inPackage : inCheckout)

const outcomes: Array<Outcome> = []
const isThere = (cache: string) => !(cache in commandOf) || pathTo(commandOf[cache as Program]) !== undefined
for (const one of runs.filter(([, cache]) => isThere(cache))) {
  outcomes.push(await runOne(resolve(suite), one, ({ kind }) => kind === "check"))
}

for (
  const outcome of outcomes.filter(({ cache }) =>
    !["undici", "server default"].includes(cache) && !(cache in commandOf)
  )
) {
  for (const { id, message, verdict } of notPassed(outcome)) {
    console.log(`${outcome.mode}, ${outcome.cache}: ${id} (${verdict}) ${message}${known.has(id) ? " [known]" : ""}`)
    if (!known.has(id)) process.exitCode = 1
  }
}
console.log(table(outcomes))
