/** Seeds that change every day (UTC), for runs that test everything (`.ci/run`). */
import { isEverything } from "../support/everything.ts"
import type { Failure } from "./sweep.ts"

const millisOfDay = 86_400_000

/** Whether they are drawn in this run. */
export const areDrawn = isEverything

/** The first of today's, far from the fixed ones and from those of other days. */
export const firstOfToday = Math.floor(Date.now() / millisOfDay) * 100_000

/** How each failure comes again. */
export const replays = (failures: ReadonlyArray<Failure>, more = ""): ReadonlyArray<string> =>
  failures.map(({ rule, seed }) => `${rule} (again: npm run prove -- simulate --${more} --seed ${seed})`)
