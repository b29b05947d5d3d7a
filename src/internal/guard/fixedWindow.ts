/** A limit on the calls in a window that begins with the first call. A call above the limit may start a ban. */
import type { Kind } from "../../ports/guardStore.ts"
import { type Admission, admitted, rejected } from "./admission.ts"

interface Input {
  readonly limit: number
  readonly windowMillis: number
  /** The length of a ban. With 0, calls above the limit are rejected only until the window ends. */
  readonly banMillis: number
  readonly renewsBan: boolean
}

interface Window {
  readonly count: number
  readonly until: number
  readonly isBan: boolean
}

export const fixedWindow: Kind<Window, Input, Admission> = {
  name: "fixedWindow",
  step(window, now, { banMillis, limit, renewsBan, windowMillis }) {
    if (window === undefined || window.until <= now) {
      return step({ count: 1, until: now + windowMillis, isBan: false }, limit)
    }
    // The remaining time is capped at its maximum, because the clock may have been set back.
    const until = Math.min(window.until, now + (window.isBan ? banMillis : windowMillis))
    if (window.isBan) return ban(renewsBan ? now + banMillis : until, now, window.count)
    if (window.count < limit) return step({ count: window.count + 1, until, isBan: false }, limit)
    if (banMillis > 0) return ban(now + banMillis, now, window.count)
    return { state: { ...window, until }, expiresAt: until, answer: rejected(until - now) }
  }
}

const step = (state: Window, limit: number) => ({
  state,
  expiresAt: state.until,
  answer: admitted(limit - state.count)
})

const ban = (until: number, now: number, count: number) => ({
  state: { count, until, isBan: true },
  expiresAt: until,
  answer: rejected(until - now)
})
