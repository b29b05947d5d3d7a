/** In place of `site.ts` where programs are downloaded: a place in a bundle says nothing. */
import type * as Site from "./site.ts"

export const siteOf: typeof Site.siteOf = () => undefined
export const mayBeOne: typeof Site.mayBeOne = () => true
export const textOf: typeof Site.textOf = () => "?"
