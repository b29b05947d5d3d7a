/** In place of `sharedTerms.ts` where programs are downloaded: memory is small there, and each entry has terms of its own. */
import type * as SharedTerms from "./sharedTerms.ts"

export const shared: typeof SharedTerms.shared = (terms) => terms
export const ownTerms: typeof SharedTerms.ownTerms = (terms) => terms
