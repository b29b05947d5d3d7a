/** A single module with everything that `CacheLayer.disk` provides beside its cache. */
export { guardsIn } from "./guards.ts"
export { lockIn } from "./locks.ts"
export { folderOf } from "./options.ts"
