/** Replaces `dependents.ts` outside Node, where no entry depends on an id. */
import type * as Dependents from "./dependents.ts"

export const make = () => ({}) as Dependents.Dependents
export const during: typeof Dependents.during = (_, __, asking) => asking
export const has: typeof Dependents.has = () => false
export const enter: typeof Dependents.enter = () => {}
export const leave: typeof Dependents.leave = () => {}
export const leaveAll: typeof Dependents.leaveAll = () => {}
export const idChanged: typeof Dependents.idChanged = () => {}
export const reported: typeof Dependents.reported = () => {}
export const allReported: typeof Dependents.allReported = () => {}
