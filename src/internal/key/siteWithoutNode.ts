/** Replaces `site.ts` on platforms other than Node.js, where a place in a bundle is meaningless. */
import type * as Site from "./site.ts"

export const siteOf: typeof Site.siteOf = () => undefined
export const mayBeOne: typeof Site.mayBeOne = () => true
export const textOf: typeof Site.textOf = () => "?"
