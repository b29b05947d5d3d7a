/** A single module with everything that the layers over Redis need. Platforms without Node can replace it. */
export { storeError } from "./fault.ts"
export { guardsOver } from "./guards.ts"
export { lockOver } from "./locks.ts"
export { open } from "./open.ts"
export { storeOver } from "./store/store.ts"
