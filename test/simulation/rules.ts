/**
 * All rules of the seeded schedules but those of `serving/`: the promise that each is of, when it applies, what it
 * asks, what excuses it, and one change of `src` after which this rule speaks, and no other. They see what users see.
 */
import type { Edit } from "../deliberateFaults/fault.ts"

export interface Rule {
  readonly name: string
  readonly promise: string
  readonly applies: string
  readonly asks: string
  readonly excuses: string
  readonly change: Edit & { readonly also?: ReadonlyArray<Edit>; readonly draws?: ReadonlyArray<string> }
}
export type OfOneEngine = string
export const promises = new Map<string, string>()
export type OfFleet = string
