/** Replaces `dependsOn.ts` where programs are downloaded, because nothing derives from an id there. */
import type * as DependsOn from "./dependsOn.ts"

const none = {}

export const dependsOnOf: typeof DependsOn.dependsOnOf = () => none
