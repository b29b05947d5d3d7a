/** Long lists are in turns, which programs of a few ids never see: some schedules make each item a turn. */
import { groups, stubs, together, waves } from "../../src/internal/defaults/bounds.ts"
import { turns } from "../../src/internal/time/turns.ts"

const usual = {
  groups: { ...groups },
  stubs: { ...stubs },
  together: { ...together },
  turns: { ...turns },
  waves: { ...waves }
}

/** Runs something with turns of one item, groups of one flight, and no load that asks for its lease alone. */
export const withShortTurns = <A>(are: boolean, run: () => A): A => {
  if (!are) return run()
  Object.assign(turns, { steps: 1, millis: 0 })
  Object.assign(groups, { first: 1, least: 1, most: 2 })
  Object.assign(together, { alone: 0 })
  try {
    return run()
  } finally {
    Object.assign(turns, usual.turns)
    Object.assign(groups, usual.groups)
    Object.assign(together, usual.together)
  }
}

/** Runs something in which each bulk call has stubs, not only a long one. */
export const withStubs = <A>(are: boolean, run: () => A): A => {
  if (!are) return run()
  Object.assign(stubs, { least: 1 })
  try {
    return run()
  } finally {
    Object.assign(stubs, usual.stubs)
  }
}

/** Runs something in which bulk calls go to the store in waves of so few keys. */
export const withShortWaves = <A>(size: number | undefined, run: () => A): A => {
  if (size === undefined) return run()
  Object.assign(waves, { size, most: 2 * size })
  try {
    return run()
  } finally {
    Object.assign(waves, usual.waves)
  }
}
