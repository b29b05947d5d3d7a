/** The parts of the layers over Redis, in one module that platforms without Node replace. */
export { storeError } from "./fault.ts"
export { guardsOver } from "./guards.ts"
export { lockOver } from "./locks.ts"
export { open } from "./open.ts"
export { storeOver } from "./store/store.ts"
