/**
 * The circuit breaker of a store. Three timeouts in a row open it for one second, and each probe that times out doubles
 * this time, up to 30 seconds. When the time has passed, one operation at a time may probe the store.
 */
import { circuit } from "../../defaults/stores.ts"
import { lengthOf } from "../../text/failures.ts"

export interface Circuit {
  timeouts: number
  openUntil: number
  pauseMillis: number
  probing: boolean
  /** Called when the circuit opens or closes. Must not throw. */
  readonly changed: (state: "open" | "closed") => void
}

export type Permit = "normal" | "probe"

export const make = (changed: Circuit["changed"] = () => {}): Circuit => ({
  timeouts: 0,
  openUntil: 0,
  pauseMillis: circuit.firstMillis,
  probing: false,
  changed
})

export const isOpen = (self: Circuit): boolean => self.timeouts >= circuit.timeouts

/** A permit to ask the store. `undefined`: do not ask now. After a permit, call `answered`, `timedOut` or `gaveUp`. */
export const admit = (self: Circuit, now: number): Permit | undefined => {
  if (!isOpen(self)) return "normal"
  // A wall clock that was set back must not keep the circuit open for ever.
  if ((now < self.openUntil && self.openUntil - now <= circuit.longestMillis) || self.probing) return undefined
  self.probing = true
  return "probe"
}

/** Says why the store is not asked, and when it is asked again. */
export const refusal = ({ openUntil, probing, timeouts }: Circuit, now: number): Error =>
  new Error(
    `it did not answer in time ${timeouts} times in a row, so the circuit is open; it is asked again ` +
      (probing ? "now, by another operation" : `in ${lengthOf(Math.max(0, openUntil - now))}`)
  )

export const answered = (self: Circuit): void => {
  const wasOpen = isOpen(self)
  self.timeouts = 0
  self.pauseMillis = circuit.firstMillis
  self.probing = false
  if (wasOpen) self.changed("closed")
}

export const timedOut = (self: Circuit, permit: Permit, now: number): void => {
  if (permit === "probe") {
    self.probing = false
    self.pauseMillis = Math.min(circuit.longestMillis, self.pauseMillis * 2)
  } else if (isOpen(self)) {
    // The operation began before the circuit opened, so its timeout adds nothing.
    return
  }
  self.timeouts++
  if (!isOpen(self)) return
  self.openUntil = now + self.pauseMillis
  if (self.timeouts === circuit.timeouts) self.changed("open")
}

/** Returns a permit without a result, such as that of an interrupted operation. After a probe, another may begin. */
export const gaveUp = (self: Circuit, permit: Permit): void => {
  if (permit === "probe") self.probing = false
}
