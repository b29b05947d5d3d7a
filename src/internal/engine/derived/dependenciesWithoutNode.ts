/** Replaces `dependencies.ts` outside Node.js, Bun and Deno, where `inherit: "changes"` is not supported. */
import { CacheConfigError } from "../../../CacheError.ts"
import type * as Dependencies from "./dependencies.ts"

export const requireDependencies: typeof Dependencies.requireDependencies = () => {
  throw new CacheConfigError({ message: `inherit: "changes" needs Node.js, Bun or Deno` })
}

const nothing = (): undefined => undefined
const no = (): boolean => false

export const addAll: typeof Dependencies.addAll = nothing
export const addLoaded: typeof Dependencies.addLoaded = nothing
export const addServed: typeof Dependencies.addServed = nothing
export const beginCapture: typeof Dependencies.beginCapture = nothing
export const capture: typeof Dependencies.capture = nothing
export const captured: typeof Dependencies.captured = nothing
export const capturedFirst: typeof Dependencies.capturedFirst = nothing
export const dependenciesOf: typeof Dependencies.dependenciesOf = nothing
export const fitsStore: typeof Dependencies.fitsStore = no
export const hasMovedForJoining: typeof Dependencies.hasMovedForJoining = no
export const isCompared: typeof Dependencies.isCompared = no
export const isOlderThanJoining: typeof Dependencies.isOlderThanJoining = no
export const land: typeof Dependencies.land = nothing
export const noteCaller: typeof Dependencies.noteCaller = nothing
export const readAgain: typeof Dependencies.readAgain = (request) => request
export const withDependencies: typeof Dependencies.withDependencies = nothing
