/** Exports all that the layers over Redis need, as one module that can be replaced on platforms without Node. */
export { storeError } from "./fault.ts"
export { guardsOver } from "./guards.ts"
export { lockOver } from "./locks.ts"
export { open } from "./open.ts"
export { storeOver } from "./store/store.ts"
