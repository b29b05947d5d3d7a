/** Replaces `dependsOn.ts` on platforms other than Node.js, where no entry depends on an id. */
import type * as DependsOn from "./dependsOn.ts"

const none = {}

export const dependsOnOf: typeof DependsOn.dependsOnOf = () => none
