/** Touches an entry in the store, behind the read that moves its deadlines. */
import type { TouchOptions } from "../../../ports/store.ts"
import { ask } from "./ask.ts"
import { spawn } from "./background.ts"
import type { StoreTier } from "./storeTier.ts"

/** A touch that fails is not repeated: the next one moves the deadline. */
export const touch = (tier: StoreTier, id: string, touched: TouchOptions): void => {
  const { background, front, store, storeTimeoutMillis } = tier
  spawn(background, front.context, ask(tier, { leftMillis: storeTimeoutMillis }, "touch", store.touch(id, touched)))
}
