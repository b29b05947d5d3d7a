/** Checks the options of strategies, and finds every mistake that can be detected before a load has run. */
import type * as Ttl from "../../Ttl.ts"
import { toMillis } from "../../Ttl.ts"
import { mistake } from "../options/options.ts"
import { type AnyOptions, besideOf, type Kind } from "./kind.ts"

/** Throws a `CacheConfigError` for a mistake. The caller refuses unknown options, and names the call in the message. */
export const validate = (kind: Kind, options: AnyOptions): void => {
  checkJitter(options.jitter)
  kind.check?.(options)
  const ttl = kind.ttl(options)
  if (typeof ttl !== "function" && toMillis(ttl as Ttl.Input) <= 0) {
    throw mistake("ttl is zero or less, so nothing would be stored: pass a function if that depends on the result")
  }
  const beside = besideOf(kind, options)
  kind.lifetime(
    options,
    typeof ttl === "function" ? Infinity : toMillis(ttl as Ttl.Input),
    // The time that a user's function will return is not known yet.
    typeof beside === "function" ? 0 : beside
  )
}

export const checkJitter = (jitter: number | undefined): number => {
  if (jitter === undefined) return 0
  if (typeof jitter === "number" && jitter >= 0 && jitter <= 1) return jitter
  throw mistake(`jitter must be a share from 0 to 1, not ${String(jitter)}`)
}
