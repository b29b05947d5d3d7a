/** In place of `dependsOn.ts` where programs are downloaded: there nothing derives from an id. */
import type * as DependsOn from "./dependsOn.ts"

const none = {}

export const dependsOnOf: typeof DependsOn.dependsOnOf = () => none
